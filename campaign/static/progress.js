// How the letters go, shown anew every few seconds. Without it the page itself is read again.
const EVERY = 3000;
const place = document.getElementById("progress");

async function refresh() {
  const ended = () => !place.querySelector("section") || place.querySelector("[data-ended]");
  if (!place || ended()) return;
  try {
    const answer = await fetch(place.dataset.progress, { credentials: "same-origin", redirect: "error" });
    const isAtWork = place.contains(document.activeElement);
    if (answer.ok && !isAtWork) place.innerHTML = await answer.text();
  } catch { /* the next time, perhaps */ }
  if (!ended()) setTimeout(refresh, EVERY);
}

setTimeout(refresh, EVERY);
