// Moderating by keyboard. Without it, Tab and Enter do the same. The keys hold only while nothing is being typed.
const letters = { KeyJ: "j", KeyK: "k", KeyA: "a", KeyR: "r", KeyH: "h", KeyX: "x", KeyU: "u", KeyS: "s" };
const cases = [...document.querySelectorAll("[data-case]")];
const present = () => document.activeElement?.closest("[data-case]") ?? cases[0];
const go = (steps) => {
  const from = cases.indexOf(document.activeElement?.closest("[data-case]"));
  cases[Math.min(Math.max(from + steps, 0), cases.length - 1)]?.focus();
};
const press = (name) => present()?.querySelector(`[data-key=${name}]`)?.click();
const acts = {
  j: () => go(1),
  ArrowDown: () => go(1),
  k: () => go(-1),
  ArrowUp: () => go(-1),
  a: () => press("a"),
  h: () => press("h"),
  s: () => press("s"),
  r: () => present()?.querySelector("select")?.focus(),
  x: () => present()?.querySelector("[name=chosen]")?.click(),
  u: () => document.querySelector("[data-undo]")?.click(),
  "?": () => {
    const keys = document.querySelector(".keys");
    if (!keys) return;
    keys.open = !keys.open;
    keys.querySelector("summary").focus();
  },
};

// On a keyboard of another script, the letter's place counts.
const meant = (event) => (/^[ -~]+$/.test(event.key) ? event.key : letters[event.code]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const on = event.target;
  if (on.matches("select, input:not([type=checkbox]), textarea")) {
    const one = on.closest("[data-case]");
    if (event.key === "Escape") one?.focus();
    if (event.key === "Enter" && one) {
      event.preventDefault();
      one.querySelector("[value=rejected]")?.click();
    }
    return;
  }
  const isHere = on === document.body || on.closest(".queue, .keys, .last, #main") !== null;
  const act = acts[meant(event)];
  if (!act || !isHere || (event.repeat && !/^(j|k|Arrow)/.test(meant(event)))) return;
  event.preventDefault();
  act();
});
