// Lists recordings, checks them and plays them. A page calls showRecordings
// with its server's list, as often as it likes: rows are changed in place, so that
// the focus stays and sound goes on playing.

const most = 100; // rows shown

const stateWords = {
  whole: "whole",
  interrupted: "cut short by a power cut",
  unfinished: "not finished",
  damaged: "damaged",
  now: "being recorded",
};

const rows = new WeakMap(); // a root's rows by file

function make(tag, props = {}, ...children) {
  const el = Object.assign(document.createElement(tag), props);
  el.append(...children);
  return el;
}

export function duration(seconds) {
  const s = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

function when(started) {
  const d = new Date(started);
  return {
    day: d.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "long", year: "numeric" }),
    time: d.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  };
}

const url = (file, what = "") => "/recordings/" + encodeURIComponent(file) + what;

// soundName has the extension that players expect for the codec.
function soundName(item) {
  return item.file.replace(/\.tacet$/, "") + "." + item.codec;
}

async function check(row) {
  if (row.checking) return;
  row.checking = true;
  row.result.dataset.state = "";
  row.result.textContent = "Checking every byte …";
  try {
    const answer = await fetch(url(row.file, "/verify"));
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const found = await answer.json();
    row.result.dataset.state = found.state;
    row.result.replaceChildren(make("b", { textContent: found.title }), " " + found.text);
  } catch (e) {
    row.result.dataset.state = "damaged";
    row.result.textContent = "It can’t be checked: " + e.message;
  }
  row.checking = false;
}

function play(row) {
  if (!row.audio) {
    row.audio = make("audio", { controls: true, preload: "auto", src: url(row.file, "/audio") });
    row.audio.setAttribute("aria-label", "Recording of " + row.title);
    row.audio.addEventListener("error", () => {
      row.result.dataset.state = "damaged";
      row.result.textContent = "It can’t be played.";
    });
    row.player.append(row.audio);
  }
  row.audio.play().catch(() => {}); // the error event says why
  row.audio.focus();
}

function makeRow(item) {
  const row = { file: item.file };
  const { day, time } = when(item.started);
  row.title = `${day}, ${time}`;
  row.li = make("li", { className: "recording" });
  row.length = make("span", { className: "length" });
  row.state = make("span", { className: "state" });
  row.play = make("button", { type: "button", className: "act play", textContent: "Play" });
  row.check = make("button", { type: "button", className: "act", textContent: "Check" });
  row.sound = make("a", { className: "act", href: url(item.file, "/audio"), textContent: "Save sound" });
  row.sealed = make("a", { className: "act", href: url(item.file), download: item.file, textContent: "Save sealed file" });
  row.sealed.title = "It opens with the office’s key only";
  for (const el of [row.play, row.check, row.sound, row.sealed]) el.setAttribute("aria-label", `${el.textContent} ${row.title}`);
  row.result = make("p", { className: "result" });
  row.result.setAttribute("role", "status");
  row.player = make("div", { className: "player" });
  row.play.addEventListener("click", () => play(row));
  row.check.addEventListener("click", () => check(row));
  row.li.append(
    make("div", { className: "about" },
      make("p", { className: "when" }, make("span", { className: "time", textContent: time }), " ", make("span", { className: "day", textContent: day })),
      make("p", { className: "facts" }, row.length, " ", row.state)),
    make("div", { className: "acts" }, row.play, row.check, row.sound, row.sealed),
    row.player, row.result);
  return row;
}

function drawRow(row, item) {
  const state = item.now ? "now" : item.state;
  row.length.textContent = duration(item.seconds);
  if (row.state.dataset.state !== state) {
    row.state.dataset.state = state;
    row.state.textContent = stateWords[state] || state;
  }
  row.play.hidden = !item.playable || state === "now" || state === "unfinished";
  row.check.hidden = row.sealed.hidden = state === "now";
  row.sound.hidden = row.play.hidden || !item.codec;
  row.sound.download = soundName(item);
}

export function showRecordings(root, items) {
  let known = rows.get(root);
  if (!known) rows.set(root, known = { byFile: new Map(), ul: make("ul", { className: "recordings" }), none: make("p", { className: "none" }) });
  const shown = items.slice(0, most);
  const files = new Set(shown.map((i) => i.file));
  for (const [file, row] of known.byFile) {
    if (!files.has(file)) {
      row.li.remove();
      known.byFile.delete(file);
    }
  }
  shown.forEach((item, i) => {
    let row = known.byFile.get(item.file);
    if (!row) known.byFile.set(item.file, row = makeRow(item));
    drawRow(row, item);
    if (known.ul.children[i] !== row.li) known.ul.insertBefore(row.li, known.ul.children[i] || null);
  });
  known.none.textContent = items.length === 0 ? "None yet." : items.length > most ? `And ${items.length - most} earlier ones.` : "";
  if (!known.ul.isConnected) root.replaceChildren(known.ul, known.none);
}
