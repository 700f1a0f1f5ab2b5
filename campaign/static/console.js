// Small comforts of the console; everything works without them.
document.querySelector(".strip [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });

const menu = document.querySelector(".who");
document.addEventListener("click", (event) => { if (menu && !menu.contains(event.target)) menu.open = false; });
document.addEventListener("keydown", (event) => {
  if (menu?.open && event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); }
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
