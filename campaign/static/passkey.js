// Passkeys: asks the browser for one, puts its answer into the form and sends it. What the page says stands in the page,
// as elements with data-when: "none" (this browser cannot), "failed", "known" (there is one already), "ready" (the button).
const toBytes = (text) => Uint8Array.from(atob(text.replace(/_/g, "/").replace(/-/g, "+")), (char) => char.charCodeAt(0));
const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

const make = async (options) => {
  const user = { ...options.user, id: toBytes(options.user.id) };
  const excludeCredentials = withBytes(options.excludeCredentials);
  const made = await navigator.credentials.create({ publicKey: { ...options, challenge: toBytes(options.challenge), user, excludeCredentials } });
  return [made, {
    attestationObject: toText(made.response.attestationObject),
    transports: made.response.getTransports?.() ?? null,
  }, "extensions"];
};

const show = async (options) => {
  const allowCredentials = withBytes(options.allowCredentials);
  const shown = await navigator.credentials.get({ publicKey: { ...options, challenge: toBytes(options.challenge), allowCredentials } });
  return [shown, {
    authenticatorData: toText(shown.response.authenticatorData),
    signature: toText(shown.response.signature),
    userHandle: shown.response.userHandle ? toText(shown.response.userHandle) : null,
  }, "assertionClientExtensions"];
};

const form = document.querySelector("[data-passkey]");
const say = (...words) => {
  for (const part of form.querySelectorAll("[data-when]")) part.hidden = !words.includes(part.dataset.when);
};

const run = async () => {
  say();
  try {
    const ask = form.dataset.passkey === "create" ? make : show;
    const [found, response, extensions] = await ask(JSON.parse(form.dataset.options));
    form.elements.credential.value = JSON.stringify({
      id: found.id,
      rawId: toText(found.rawId),
      type: found.type,
      response: { ...response, clientDataJSON: toText(found.response.clientDataJSON) },
      [extensions]: JSON.stringify(found.getClientExtensionResults()),
    });
    form.submit();
  } catch (error) {
    if (error.name === "InvalidStateError") say("known"); else say("failed", "ready");
  }
};

// A page that only asks whether to begin has no such form yet.
if (form && !window.PublicKeyCredential) say("none");
else if (form && form.dataset.passkey !== "ask") {
  form.querySelector("button").addEventListener("click", run);
  run();
}
