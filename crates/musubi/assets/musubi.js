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

// Looking further back goes on by itself, page by page, until something is found or the past ends.
{
  const further = document.querySelector("a[data-further]");
  if (further) { location.replace(further.href); }
}

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

// A template's preview follows what is typed; without this the button does.
{
  const form = document.querySelector("form.template[data-preview]");
  let waiting;
  form?.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("preview");
      if (fresh) { document.getElementById("preview").replaceChildren(...fresh.childNodes); }
    }, 400);
  });
}

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
    // Whoever was not asked anything is told of no failure.
    let wanted = mediation !== "conditional";
    try {
      const { publicKey } = await post(passkeyForm.dataset.ask, {});
      const credential = creates
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey), signal })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey), mediation, signal });
      wanted = true;
      const form = Object.fromEntries(new FormData(passkeyForm));
      location.assign((await post(passkeyForm.dataset.answer, { ...form, credential: credential.toJSON() })).to);
    } catch (error) {
      if (!wanted || error.name === "AbortError" || signal.aborted) { return; }
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

// Evidence in pieces: what breaks off goes on where it was (tus 1.0.0). Without this the form sends it in one go.
const uploadForm = document.querySelector("form[data-upload]");
if (uploadForm && window.fetch && window.FileReader) {
  const PIECE = 4 << 20;
  const told = uploadForm.querySelector("[data-progress]");
  const words = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const bar = (name) => {
    const line = document.createElement("p");
    const meter = document.createElement("progress");
    const label = document.createElement("span");
    label.textContent = name;
    meter.max = 1;
    meter.value = 0;
    line.append(label, " ", meter);
    told.append(line);
    return meter;
  };
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const begin = async (file, said) => {
    const metadata = [["filename", file.name], ...said].filter(([, value]) => value).map(([name, value]) => `${name} ${words(value)}`);
    const answer = await fetch(uploadForm.dataset.upload, {
      method: "POST",
      headers: { "Tus-Resumable": "1.0.0", "Upload-Length": String(file.size), "Upload-Metadata": metadata.join(",") },
    });
    if (!answer.ok) { throw new Error((await answer.json()).detail); }
    return answer.headers.get("Location");
  };
  const send = async (file, said) => {
    const meter = bar(file.name);
    // The same file, chosen again, goes on.
    const key = `upload ${file.name} ${file.size} ${file.lastModified} ${JSON.stringify(said)}`;
    let place = localStorage.getItem(key);
    let offset = null;
    for (let tries = 0; tries < 10; tries += 1) {
      try {
        if (place && offset === null) {
          const known = await fetch(place, { method: "HEAD", cache: "no-store", headers: { "Tus-Resumable": "1.0.0" } });
          offset = known.ok ? Number(known.headers.get("Upload-Offset")) : null;
          if (offset === null) { place = null; }
        }
        if (!place) {
          place = await begin(file, said);
          localStorage.setItem(key, place);
          offset = 0;
        }
        while (offset < file.size) {
          const answer = await fetch(place, {
            method: "PATCH",
            headers: { "Tus-Resumable": "1.0.0", "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" },
            body: file.slice(offset, offset + PIECE),
          });
          if (answer.status === 409) { break; }
          if (!answer.ok) { throw new Error(String(answer.status)); }
          offset = Number(answer.headers.get("Upload-Offset"));
          meter.value = offset / file.size;
        }
        localStorage.removeItem(key);
        return place.split("/").pop();
      } catch (error) {
        if (!place) { throw error; }
        offset = null;
        await wait(Math.min(2 ** tries, 30));
      }
    }
    throw new Error(file.name);
  };
  uploadForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = uploadForm.querySelector("button[type=submit]");
    button.disabled = true;
    told.replaceChildren();
    const said = [...new FormData(uploadForm)].filter(([, value]) => typeof value === "string").map(([name, value]) => [name, value.trim()]);
    try {
      const ids = [];
      for (const file of uploadForm.elements.file.files) { ids.push(await send(file, said)); }
      const then = uploadForm.dataset.then;
      location.assign(ids.length === 1 ? `${then}/${ids[0]}` : then);
    } catch (error) {
      const line = document.createElement("p");
      line.className = "wrong";
      line.textContent = error.message;
      told.append(line);
      button.disabled = false;
    }
  });
}

// A picture that can be moved: by wheel and drag here, by the links above it without.
for (const svg of document.querySelectorAll("svg[data-pan]")) {
  const [width, height] = svg.dataset.pan.split(" ").map(Number);
  const box = svg.viewBox.baseVal;
  const show = (x, y, w) => {
    w = Math.min(width, Math.max(width / 16, w));
    const h = w * height / width;
    svg.setAttribute("viewBox", `${Math.min(width - w, Math.max(0, x))} ${Math.min(height - h, Math.max(0, y))} ${w} ${h}`);
  };
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey && box.width >= width && event.deltaY > 0) { return; }
    event.preventDefault();
    const at = svg.getBoundingClientRect();
    const [px, py] = [(event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height];
    const w = Math.min(width, Math.max(width / 16, box.width * (event.deltaY > 0 ? 1.2 : 1 / 1.2)));
    show(box.x + (box.width - w) * px, box.y + (box.height - w * height / width) * py, w);
  }, { passive: false });
  let from = null;
  svg.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY, left: box.x, top: box.y, moved: false }; });
  svg.addEventListener("pointermove", (event) => {
    if (!from || event.buttons !== 1) { return; }
    const at = svg.getBoundingClientRect();
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (Math.abs(dx) + Math.abs(dy) > 4) { from.moved = true; }
    show(from.left - dx * box.width / at.width, from.top - dy * box.height / at.height, box.width);
  });
  // Whoever moved the picture did not mean the node beneath.
  svg.addEventListener("click", (event) => { if (from?.moved) { event.preventDefault(); } from = null; }, true);
  svg.addEventListener("dragstart", (event) => event.preventDefault());
}
