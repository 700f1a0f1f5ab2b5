// The copy button: it appears only where it works. Everything else works without a script.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const word = button.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = word; }, 2500);
  });
}

// The device's own way to pass something on, where it has one.
for (const button of document.querySelectorAll("[data-share]")) {
  if (!navigator.share) continue;
  button.hidden = false;
  button.addEventListener("click", () => {
    navigator.share({ text: button.dataset.share, url: button.dataset.url }).catch(() => {}); // they thought better of it
  });
}

// The count moves while somebody looks at it.
const live = document.querySelectorAll("[data-live]");
if (live.length && !navigator.connection?.saveData) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(live[0].dataset.live).catch(() => null);
    if (!answer?.ok) return;
    const words = await answer.text();
    for (const place of live) place.innerHTML = words;
  }, 30_000);
}
