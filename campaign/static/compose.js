// The composer saves what is typed some seconds later, shows it anew, and says who else has the draft open.
// Without it there is the button, which does the same.
const QUIET = 3000, LOOK_AROUND = 30000;
const form = document.querySelector("form[data-draft]");

async function ask(url, options = {}) {
  const headers = { Accept: "application/json" };
  const answer = await fetch(url, { credentials: "same-origin", redirect: "error", headers, ...options });
  return { status: answer.status, ...(await answer.json()) };
}

if (form) {
  const told = document.getElementById("saving");
  const say = (word) => { told.textContent = word; };
  let timer, running = false, changed = false, stopped = false;

  const show = async () => {
    const answer = await fetch(form.dataset.look, { credentials: "same-origin" });
    if (answer.ok) document.getElementById("seen").innerHTML = await answer.text();
  };

  const save = async () => {
    if (running || stopped) return;
    running = true; changed = false;
    say(form.dataset.saving);
    try {
      const answer = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.status === 409) { stopped = true; say(form.dataset.overtaken); }
      else if (answer.problem) say(answer.problem);
      else {
        form.elements.revision.value = answer.revision;
        say(changed ? form.dataset.unsaved : form.dataset.saved);
        await show();
      }
    } catch { say(form.dataset.lost); }
    running = false;
    if (changed) wait();
  };

  const wait = () => { clearTimeout(timer); timer = setTimeout(save, QUIET); };

  form.addEventListener("input", () => { changed = true; if (!stopped) say(form.dataset.unsaved); wait(); });
  form.addEventListener("submit", () => { stopped = true; changed = false; clearTimeout(timer); });
  addEventListener("beforeunload", (event) => { if (changed && !stopped) event.preventDefault(); });

  const lookAround = async () => {
    try {
      document.getElementById("others").innerHTML = (await ask(form.dataset.others)).html;
    } catch { /* the next time, perhaps */ }
  };
  setInterval(lookAround, LOOK_AROUND);
}

// The page that publishes: the time zone of this clock, until another one is chosen.
const zone = document.querySelector("form[data-clock] [name=offset]");
if (zone && zone.value === "0") {
  const quarters = String(-new Date().getTimezoneOffset() / 15);
  if ([...zone.options].some((option) => option.value === quarters)) zone.value = quarters;
}
