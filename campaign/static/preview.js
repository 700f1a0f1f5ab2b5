// The preview follows what is typed. Without a script its button does the same when it is pressed.
for (const button of document.querySelectorAll("[data-preview]")) {
  const form = button.form;
  let shown = document.getElementById(button.dataset.preview);
  let coming = null;
  let timer = 0;
  let number = 0;

  // Each look gets a frame of its own, which takes the place of the last one when it is ready:
  // so nothing flickers, the page stays where one was reading, and "back" still leads back.
  const look = () => {
    coming?.remove();
    const frame = coming = shown.cloneNode();
    frame.removeAttribute("src");
    frame.removeAttribute("id");
    frame.name = `${shown.name.split("-")[0]}-${++number}`;
    frame.classList.add("coming");
    shown.after(frame);
    frame.addEventListener("load", () => {
      if (frame !== coming || frame.contentWindow.location.href === "about:blank") return;
      frame.contentWindow.scrollTo({ top: shown.contentWindow.scrollY, behavior: "instant" });
      frame.classList.remove("coming");
      shown.remove();
      [shown, coming] = [frame, null];
    });
    const target = button.getAttribute("formtarget");
    button.setAttribute("formtarget", frame.name);
    form.requestSubmit(button);
    button.setAttribute("formtarget", target);
  };

  button.addEventListener("click", (event) => {
    event.preventDefault();
    look();
  });
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 400);
  });
}
