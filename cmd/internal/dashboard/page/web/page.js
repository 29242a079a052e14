// Keeps the page current. The server sends HTML that it has made, part by part; this script puts it
// in place, counts ages on, and says at once when what is shown is not current any more.
const at = (id) => document.getElementById(id);
const body = document.body;

const silence = 12000; // without a message for this long, in milliseconds, the connection is lost: they come every 5 s
const patience = 3000; // the same for a tab that has just been shown again
const again = 3000; // between two tries to connect
const quiet = 10000; // between two things said to a screen reader

let source = null; // the stream; null while the tab is hidden
let heard = 0; // when the last message came, by performance.now()
let heardWall = Date.now(); // the same by the clock on the wall
let clock = Number(body.dataset.now); // the dashboard's clock at that time
let shown = clock; // the dashboard's clock when what is shown was current

// The browser's two clocks say how long ago the last message came. One stands still while a computer
// sleeps, the other may be set.
const sinceHeard = () => Math.max(performance.now() - heard, Date.now() - heardWall);
const dashboardNow = () => clock + sinceHeard();

// span is a length of time in words, as the server writes it.
function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (s < 60) return s + " s";
  if (m < 60) return m + " min";
  if (h < 10 && m % 60) return h + " h " + (m % 60) + " min";
  if (h < 48) return h + " h";
  return Math.floor(h / 24) + " days";
}

const say = (el, text) => { if (el && el.textContent !== text) el.textContent = text; };

function drawAges() {
  const now = dashboardNow();
  for (const el of document.querySelectorAll("time.age")) say(el, span(now - Number(el.dataset.at)) + " ago");
  for (const el of document.querySelectorAll("time.lasts")) say(el, span(now - Number(el.dataset.at)));
}

const timeOfDay = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// lose says that what is shown is the past, with its age, and takes the colour out of it.
function lose() {
  if (!body.hasAttribute("data-lost")) announce("No connection to the dashboard.");
  body.dataset.lost = "";
  drawLost();
}

function drawLost() {
  const age = span(dashboardNow() - shown);
  say(at("lost-age"), age);
  if (at("lost").hidden) {
    const strong = document.createElement("strong");
    strong.textContent = "No connection to the dashboard.";
    const length = document.createElement("span");
    length.id = "lost-age";
    length.textContent = age;
    at("lost").replaceChildren(strong, " What you see is how it was at " + timeOfDay(shown) + ", ", length,
      " ago. Nobody can tell from it how it is now. The page keeps trying.");
    at("lost").hidden = false;
  }
  if (!document.title.startsWith("✕")) document.title = "✕ No connection · " + document.title;
}

function find() {
  delete body.dataset.lost;
  delete body.dataset.waiting;
  at("lost").hidden = true;
}

// elements makes elements from HTML that the server has made, and escaped.
function elements(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// keepFocus changes a part of the page and puts the focus back on what stands in its place.
function keepFocus(change) {
  const active = document.activeElement;
  const href = active?.getAttribute?.("href"), inside = active?.closest?.("[id]")?.id;
  change();
  if (!active || active === body || document.contains(active)) return;
  const place = inside && at(inside) || document;
  const same = href && [...place.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === href);
  (same || at("content")).focus({ preventScroll: true });
}

function drawParts(parts) {
  for (const [name, html] of Object.entries(parts || {})) {
    const box = at("part-" + name);
    if (!box || box.querySelector("textarea, input:not([type=hidden])")) continue;
    const open = !!box.querySelector("details[open]");
    box.replaceChildren(elements(html));
    if (open) for (const d of box.querySelectorAll("details")) d.open = true;
  }
}

function drawTiles(tiles, order) {
  const list = at("tiles");
  if (!list) return;
  for (const [id, html] of Object.entries(tiles || {})) {
    const fresh = elements(html).firstElementChild, old = at(id);
    if (old) old.replaceWith(fresh);
    else list.append(fresh);
  }
  if (!order) return;
  const wanted = new Set(order);
  for (const tile of [...list.children]) if (!wanted.has(tile.id)) tile.remove();
  order.forEach((id, i) => {
    const tile = at(id);
    if (tile && list.children[i] !== tile) list.insertBefore(tile, list.children[i] || null);
  });
}

let opened = performance.now(); // when the tab was shown, or last tried anew

let saidAt = -quiet, toSay = "", saying = 0;

// announce says the counts, and no more often than one can listen to.
function announce(text) {
  toSay = text;
  if (saying) return;
  saying = setTimeout(() => {
    saying = 0;
    saidAt = performance.now();
    say(at("said"), toSay);
  }, Math.max(0, saidAt + quiet - performance.now()));
}

let title = document.title;

function draw(news) {
  if (news.build !== body.dataset.build && !document.querySelector("textarea:focus, input:focus")) return location.reload();
  heard = performance.now();
  heardWall = Date.now();
  clock = shown = news.now;
  find();
  body.toggleAttribute("data-doubtful", news.bad);
  keepFocus(() => {
    drawParts(news.parts);
    drawTiles(news.tiles, news.order);
  });
  if (news.title) title = news.title;
  if (document.title !== title) document.title = title;
  if (news.said) announce(news.said);
  drawAges();
}

function open() {
  close();
  if (document.hidden) return;
  source = new EventSource("/live?at=" + encodeURIComponent(body.dataset.at));
  source.onmessage = (m) => draw(JSON.parse(m.data));
  source.addEventListener("gone", () => location.reload()); // signed out, or there is no such room any more
  source.onerror = () => {
    lose();
    if (source?.readyState === EventSource.CLOSED) { // the browser has given up
      close();
      setTimeout(() => { if (!source) open(); }, again);
    }
  };
}

function close() {
  source?.close();
  source = null;
}

// A hidden tab has no stream: a browser allows six of them at a time, in all tabs together.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    close();
    body.dataset.waiting = ""; // until it is shown and has heard again
    return;
  }
  opened = performance.now();
  open();
});

setInterval(() => {
  if (document.hidden) return;
  const waited = Math.min(sinceHeard(), performance.now() - opened);
  if (waited > (body.hasAttribute("data-waiting") ? patience : silence)) lose();
  if (source && waited > 2 * silence) { // it may hang: try another
    opened = performance.now();
    open();
  }
  if (body.hasAttribute("data-lost")) drawLost();
  drawAges();
}, 1000);

for (const el of document.querySelectorAll("select[data-submit]")) el.addEventListener("change", () => el.form.requestSubmit());
for (const el of document.querySelectorAll("[data-print]")) {
  el.hidden = false;
  el.addEventListener("click", () => print());
}

heard = performance.now();
drawAges();
open();
