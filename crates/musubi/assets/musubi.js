// Quickens what works without it: nothing here is needed.
"use strict";

// "/" goes to the search, wherever one is.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.getElementById("search");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  }
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("header details[open]")) { open.open = false; }
  }
});

// The viewer's zone, for whoever has not chosen one.
if (!document.cookie.includes("zone=")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) { document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`; }
}

// What cannot be taken back asks once: the question stands on the button.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.question;
  if (question && !window.confirm(question)) { event.preventDefault(); }
});

// Copies the text it is told.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) { return; }
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
});

// Passkeys: the form says where the question is asked and where the answer goes. Signing in also listens at the name field.
const passkeyForm = document.querySelector("form[data-passkey]");
if (passkeyForm && window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  const creates = passkeyForm.dataset.passkey === "create";
  const alert = passkeyForm.querySelector("[role=alert]");
  let waiting;
  const post = async (to, body) => {
    const answer = await fetch(to, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const read = await answer.json();
    if (!answer.ok) { throw new Error(read.detail); }
    return read;
  };
  const ask = async (mediation) => {
    waiting?.abort();
    const { signal } = (waiting = new AbortController());
    try {
      const { publicKey } = await post(passkeyForm.dataset.ask, {});
      const credential = creates
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey), signal })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey), mediation, signal });
      const form = Object.fromEntries(new FormData(passkeyForm));
      location.assign((await post(passkeyForm.dataset.answer, { ...form, credential: credential.toJSON() })).to);
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) { return; }
      alert.textContent = error.name === "Error" && error.message ? error.message : passkeyForm.dataset.failed;
      alert.hidden = false;
    }
  };
  passkeyForm.hidden = false;
  passkeyForm.addEventListener("submit", (event) => { event.preventDefault(); ask("optional"); });
  if (!creates) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((available) => { if (available) { ask("conditional"); } });
  }
}
