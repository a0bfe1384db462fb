// Forms that talk to the sandbox's own endpoints, and pages that follow what happens.
"use strict";

const live = document.getElementById("live");

// Reads a form: only the fields that the pressed button names, or all of them.
function read(form, button) {
  const wanted = button && button.dataset.fields ? button.dataset.fields.split(" ") : null;
  const value = {};
  for (const field of form.elements) {
    if (!field.name || field.type === "submit" || (wanted && !wanted.includes(field.name))) continue;
    if (field.type === "checkbox") value[field.name] = field.checked;
    else if (field.dataset.json !== undefined) value[field.name] = JSON.parse(field.value || "null");
    else if (field.dataset.list !== undefined) value[field.name] = field.value.split(/[\s,]+/).filter(Boolean);
    else if (field.value !== "" || field.dataset.keep !== undefined) value[field.name] = field.value;
  }
  if (button && button.name) value[button.name] = button.value;
  return value;
}

async function submit(form, button) {
  const message = form.querySelector(".message");
  const method = (button && button.dataset.method) || form.dataset.method || "POST";
  message.textContent = document.body.dataset.working;
  message.className = "message";
  for (const one of form.querySelectorAll("button")) one.disabled = true;
  try {
    const init = { method, headers: { "content-type": "application/json" } };
    if (method !== "DELETE") init.body = JSON.stringify(read(form, button));
    const answer = await fetch(form.dataset.api, init);
    const text = await answer.text();
    if (!answer.ok) {
      let detail = text;
      try { detail = JSON.parse(text).error || text; } catch { /* not JSON: shown as it is */ }
      throw new Error(detail || "HTTP " + answer.status);
    }
    message.textContent = form.dataset.done;
    message.className = "message good";
    stay(form.dataset.stay);
    await refresh();
    if (form.dataset.reload !== undefined) location.reload();
  } catch (error) {
    message.textContent = error.message;
    message.className = "message bad";
  } finally {
    for (const one of form.querySelectorAll("button")) one.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  submit(form, event.submitter);
});

// Keeps the page on the instance that was acted on, also when it leaves the list.
function stay(instance) {
  if (!instance) return;
  const address = new URL(location.href);
  address.searchParams.set("instance", instance);
  const user = live.querySelector("input[name=user]");
  if (user) address.searchParams.set("as", user.value);
  history.replaceState(null, "", address);
}

// Fetches the page again and puts its live part in place of ours; what was unfolded stays unfolded.
async function refresh() {
  if (!live) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (!fresh) return;
  for (const unfolded of live.querySelectorAll("details[open][id]")) {
    const again = fresh.querySelector("#" + CSS.escape(unfolded.id));
    if (again) again.open = true;
  }
  if (fresh.innerHTML !== live.innerHTML) live.replaceChildren(...fresh.childNodes);
  live.dataset.version = fresh.dataset.version;
}

// Whether somebody is in the middle of writing or choosing.
function busy() {
  const fields = live.querySelectorAll("textarea, input:not([type=hidden]), select");
  return [...fields].some((field) => field === document.activeElement || (field.defaultValue !== undefined && field.value !== field.defaultValue));
}

async function follow() {
  try {
    if (document.visibilityState === "visible" && !busy()) {
      const answer = await fetch(live.dataset.follow);
      if (answer.ok && String((await answer.json()).version) !== live.dataset.version) await refresh();
    }
  } catch { /* the sandbox is away for a moment */ }
  setTimeout(follow, 2000);
}

if (live && live.dataset.follow) setTimeout(follow, 2000);
