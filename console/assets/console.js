// The page's own script: live figures, keys, and the question before a session is ended.

const rows = () => [...document.querySelectorAll("table.sessions tbody tr")];
const linkOf = (row) => row?.querySelector("a");

// Live figures: the server tells that there are new ones, and the page fetches itself.

let stream;
let isStopped = false;
let refreshing;

function connect() {
  if (stream !== undefined || isStopped || document.hidden || !document.getElementById("status")) {
    return;
  }
  stream = new EventSource("/live");
  stream.addEventListener("hello", () => document.body.dataset.live = "on");
  stream.addEventListener("survey", refresh);
  stream.addEventListener("stopped", stop);
  // The browser tries again by itself; whether there is a console at all, the page's own request tells.
  stream.addEventListener("error", () => {
    document.body.dataset.live = "lost";
    refresh();
  });
}

function disconnect() {
  stream?.close();
  stream = undefined;
}

/** Takes everything off the page: what a stopped console showed is nobody's any more. */
function stop() {
  isStopped = true;
  disconnect();
  const main = document.createElement("main");
  main.className = "message";
  const heading = document.createElement("h1");
  heading.textContent = "The console has stopped";
  const text = document.createElement("p");
  text.textContent = "Start it again in its terminal, and open the link that it prints.";
  main.append(heading, text);
  document.title = "Stopped";
  document.body.dataset.live = "stopped";
  document.body.replaceChildren(main);
}

function refresh() {
  refreshing ??= renew().finally(() => refreshing = undefined);
  return refreshing;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function renew() {
  // A page that is being left fails once, and comes to no second time.
  const response = await fetch(location.href).catch(() => pause(300))
    .then((first) => first ?? fetch(location.href)).catch(() => undefined);
  // There is no console any more, or another one on its port.
  if (response === undefined || response.status === 401) return stop();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  // The store is away: what was read of it stays there until it comes back.
  if (response.status === 503) return tellFault(fresh.querySelector("main p").textContent);
  // Another page, such as that of a session that has ended.
  if (!fresh.getElementById("status")) return location.reload();
  // What somebody is marking must not be taken away under the mouse.
  if (!getSelection().isCollapsed) return;
  const focused = document.activeElement?.closest("[data-path]")?.dataset.path;
  const at = rows().findIndex((row) => row.dataset.path === focused);
  const opened = new Set(
    [...document.querySelectorAll("details[open]")].map((details) => details.dataset.key),
  );
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (old?.innerHTML !== part.innerHTML) old?.replaceWith(document.adoptNode(part));
  }
  for (const details of document.querySelectorAll("details")) {
    details.open = opened.has(details.dataset.key);
  }
  if (at >= 0 && document.activeElement === document.body) {
    const same = rows().find((row) => row.dataset.path === focused);
    linkOf(same ?? rows()[Math.min(at, rows().length - 1)])?.focus({ preventScroll: true });
  }
}

/** Tells why the page is not renewed, until it is. */
function tellFault(reason) {
  const notice = document.createElement("p");
  notice.className = "notice notice-bad";
  notice.role = "alert";
  notice.textContent = `The store cannot be read, and is tried again: ${reason}`;
  document.getElementById("fault").replaceChildren(notice);
}

// Only a page that is seen has a stream: browsers open few connections to one server.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return disconnect();
  connect();
  refresh();
});
addEventListener("pagehide", disconnect);
addEventListener("pageshow", connect);
connect();

// Ending and forking.

const dialog = document.getElementById("end-dialog");
let asked;

function ask(owner) {
  if (!dialog || dialog.open) return;
  asked = owner;
  document.getElementById("end-title").textContent = owner.dataset.title;
  document.getElementById("end-facts").textContent = owner.dataset.facts;
  dialog.returnValue = "keep";
  dialog.showModal();
}

dialog?.addEventListener("close", async () => {
  const { path, leave } = asked.dataset;
  linkOf(asked)?.focus({ preventScroll: true });
  if (dialog.returnValue !== "end") return;
  say("Ending…");
  const { said, ok } = await post(`${path}/end`);
  say(said);
  if (ok && leave !== undefined) location.assign(leave);
  else await refresh();
});

async function fork(owner) {
  say("Forking…");
  const { said, to } = await post(`${owner.dataset.path}/fork`);
  say(said);
  if (to !== undefined) location.assign(to);
}

async function post(path) {
  try {
    const response = await fetch(path, { method: "POST" });
    return { ok: response.ok, ...await response.json() };
  } catch {
    return { ok: false, said: "The console did not answer." };
  }
}

let hiding;

function say(text) {
  const toast = document.getElementById("toast");
  if (!toast) return;
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => toast.hidden = true, 6000);
}

const ACTIONS = { end: ask, fork };

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-action]");
  if (button) ACTIONS[button.dataset.action]?.(button.closest("[data-path]"));
});

// Keys.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1) {
    return;
  }
  const { target, key } = event;
  if (dialog?.open) {
    if (key.toLowerCase() === "y") dialog.querySelector("#end-yes").click();
    return;
  }
  if (target.matches("input, select, textarea")) {
    if (key === "Escape") target.blur();
    else if (key === "ArrowDown" && target.matches("input")) choose(event, 1);
    return;
  }
  const owner = target.closest("[data-path]") ?? document.querySelector("main[data-path]");
  switch (key.toLowerCase()) {
    case "arrowdown":
      return choose(event, 1);
    case "arrowup":
      return choose(event, -1);
    case "e":
      return owner && (event.preventDefault(), ask(owner));
    case "f":
      return owner && (event.preventDefault(), fork(owner));
    case "/":
      event.preventDefault();
      return document.querySelector("input[type=search]")?.select();
    case "escape":
      return document.querySelector("main[data-leave]") && location.assign("/");
  }
});

function choose(event, step) {
  const all = rows();
  if (all.length === 0) return;
  event.preventDefault();
  const at = all.indexOf(document.activeElement?.closest("tr"));
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
  linkOf(all[next])?.focus();
}

// The filter works while it is typed.

const filter = document.getElementById("filter");
let typing;

function applyFilter() {
  clearTimeout(typing);
  const given = [...new FormData(filter)].filter(([, value]) => value !== "" && value !== "newest");
  const query = new URLSearchParams(given).toString();
  history.replaceState(null, "", query === "" ? "/" : `/?${query}`);
  // One under way has the filter from before.
  Promise.resolve(refreshing).then(refresh);
}

filter?.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(applyFilter, 120);
});
filter?.addEventListener("submit", (event) => {
  event.preventDefault();
  applyFilter();
});
