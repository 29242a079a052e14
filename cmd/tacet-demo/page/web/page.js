// Draws the unit from what /live sends. Nothing is decided here: a press
// goes to the unit, and the page shows what the unit then does.
import { showRecordings } from "/recordings/recordings.js";
import { addMessage, forgetMessages, showBroker, showDashboard } from "/wires.js";

const at = (id) => document.getElementById(id);
const capital = (s) => s.charAt(0).toUpperCase() + s.slice(1);

// say sets text only if it differs, so that a screen reader doesn't repeat it.
function say(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

function list(words) {
  if (words.length < 2) return words.join("");
  return words.slice(0, -1).join(", ") + " and " + words[words.length - 1];
}

const lightWords = {
  off: "The light is off: the microphone is closed.",
  on: "The light is steady: the microphone is open.",
  pulse: "The light pulses slowly: the unit is waiting for the other person.",
  flash: "The light flashes three times: the unit can’t record now.",
};
const lightNames = { off: "off", on: "steady", pulse: "slow pulse", flash: "three quick flashes" };
const statusWords = { off: "off", on: "steady, ready", pulse: "slow pulse, something needs a person", flash: "quick flashes, can’t record" };
const senseWords = {
  none: "There is no sense line: nothing checks the light.",
  off: "The sense line reads dark.",
  on: "The sense line reads lit.",
  pulse: "The sense line reads lit and dark in turn.",
  flash: "The sense line reads three short flashes.",
  unread: "The sense line can’t be read.",
};

// single is true if one button speaks for the whole room.
const single = (s) => s.buttons.length === 1;
const called = (s, b) => (single(s) ? "everyone in the room" : "the " + b.party);

function phaseWords(s) {
  const open = s.buttons.filter((b) => !b.consented).map((b) => called(s, b));
  if (!s.power) return ["No power", "The unit is off. It restarts by itself, and keeps what was recorded."];
  switch (s.phase) {
    case "idle":
      return ["Not recording", "The microphone is closed. It opens when " +
        (single(s) ? "the button is pressed." : "each button has been pressed.")];
    case "waiting":
      return ["Waiting for " + list(open), "The microphone is closed. If nobody presses, the consent lapses in half a minute."];
    case "starting":
      return ["About to record", "The light is on, and the microphone is opening."];
    case "recording":
      return ["Recording", "To stop, press " + (single(s) ? "the button." : "any button.")];
    case "stopping":
      return ["Stopping", "The microphone is closing."];
    case "fault":
      return ["Can’t record now", (s.warnings || []).length ? "See below what to do." : "The unit is getting ready."];
  }
  return [s.phase, ""];
}

async function post(url) {
  try {
    const answer = await fetch(url, { method: "POST" });
    if (!answer.ok) say(at("said"), (await answer.text()).trim());
    return answer.ok;
  } catch {
    say(at("said"), "The demo doesn’t answer. Is it still running?");
    return false;
  }
}

// Buttons are made once and then only changed, so that the focus stays.
function drawButtons(s) {
  const box = at("buttons");
  if (box.children.length !== s.buttons.length) {
    box.replaceChildren(...s.buttons.map((b) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = b.latching ? "push switch" : "push";
      for (const [name, text] of [["cap", ""], ["name", b.party]]) {
        const span = document.createElement("span");
        span.className = name;
        span.textContent = text;
        button.append(span);
      }
      button.addEventListener("click", () => post("/panel/press?party=" + encodeURIComponent(b.party)));
      return button;
    }));
  }
  s.buttons.forEach((b, i) => {
    const button = box.children[i];
    button.dataset.pressed = b.pressed;
    if (b.latching) button.setAttribute("aria-pressed", b.pressed);
  });
}

function drawLight(s) {
  const light = at("light");
  if (light.dataset.turn !== String(s.light_turn)) {
    // Restart the animation, because this is another flash.
    light.dataset.glow = "off";
    void light.offsetWidth;
    light.dataset.turn = s.light_turn;
  }
  light.dataset.glow = s.light;
  light.setAttribute("aria-label", "Light: " + lightNames[s.light]);
  say(at("light-words"), s.power ? lightWords[s.light] : "Both lights are dark: no power.");
  say(at("sense-words"), s.power ? senseWords[s.sense] : "Nothing checks the light.");
  at("status").hidden = s.status_light === "none";
  at("status-light").dataset.glow = s.status_light;
  at("status-light").setAttribute("aria-label", "Status light: " + (statusWords[s.status_light] || "none"));
  const buzzer = at("buzzer");
  buzzer.hidden = s.buzzer === "none";
  buzzer.dataset.tone = s.buzzer;
  buzzer.setAttribute("aria-label", "Buzzer: " + (s.buzzer === "on" ? "a tone" : "silent"));
}

function drawYes(s) {
  const wanted = s.phase === "idle" || s.phase === "fault" ? "not-said" : "no";
  const rows = s.buttons.map((b) => {
    const li = document.createElement("li");
    li.dataset.said = b.consented ? "yes" : wanted;
    li.textContent = capital(single(s) ? "the room" : b.party) + ": " + (b.consented ? "yes" : "not said yet");
    return li;
  });
  const now = rows.map((r) => r.textContent).join();
  if (at("yes").dataset.now !== now) {
    at("yes").dataset.now = now;
    at("yes").replaceChildren(...rows);
  }
}

function drawWarnings(s) {
  const warnings = s.power ? s.warnings || [] : [];
  const now = JSON.stringify(warnings);
  if (at("warnings").dataset.now === now) return;
  at("warnings").dataset.now = now;
  at("warnings").replaceChildren(...warnings.map((w) => {
    const div = document.createElement("div");
    div.className = "warning";
    for (const [tag, name, text] of [["h3", "", w.title], ["p", "", w.text], ["p", "do", w.do],
      ["p", "details", (w.details || []).join("; ")]]) {
      if (!text) continue;
      const el = document.createElement(tag);
      el.className = name;
      el.textContent = text;
      div.append(el);
    }
    return div;
  }));
}

const storeWords = { ok: "connected", missing: "missing", full: "full", readonly: "read-only", error: "error" };

function drawCopies(s) {
  const rows = (s.power && s.stores || []).map((c) => {
    const li = document.createElement("li");
    li.dataset.state = c.state;
    li.textContent = "Copies to " + c.name + ": " + (storeWords[c.state] || c.state) + ", " + (c.pending ? c.pending + " pending" : "complete");
    return li;
  });
  const now = rows.map((r) => r.textContent).join();
  if (at("copies").dataset.now === now) return;
  at("copies").dataset.now = now;
  at("copies").replaceChildren(...rows);
}

function drawHead(s) {
  const c = s.card;
  say(at("room"), c.room + ", " + c.site);
  say(at("hears"), "Microphone: " + c.microphone + ".");
  say(at("shelf-hint"), "Each is sealed, and the unit has no key that opens it. " + (c.key
    ? "This page has the office’s key, so you can listen."
    : "Neither has this page: open them where the key is."));
}

let since = 0; // start of the running recording, by this browser's clock

function drawClock() {
  const box = at("clock");
  box.hidden = since === 0;
  if (box.hidden) return;
  const s = Math.max(0, Math.floor((performance.now() - since) / 1000));
  say(at("clock-text"), Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0"));
}

const levers = {
  drive: { query: "present", on: "Pull the thumb drive out", off: "Plug the thumb drive in" },
  door: { query: "open", on: "Shut the door", off: "Open the door" },
};

function drawLevers(s) {
  at("cut").setAttribute("aria-disabled", !s.power); // a disabled button would lose the focus
  for (const [id, words] of Object.entries(levers)) {
    at(id).hidden = s[id] === null;
    at(id).dataset.is = s[id];
    say(at(id), s[id] ? words.on : words.off);
  }
  at("doorway").hidden = s.door === null;
  say(at("door-words"), s.door ? "The door is open." : "The door is shut.");
  at("slot").hidden = s.drive === null;
  at("slot").dataset.drive = s.drive;
  at("slot").setAttribute("aria-label", "Thumb drive: " + (s.drive ? "plugged in" : "out"));
}

function draw(s) {
  at("unit").dataset.power = s.power ? "on" : "off";
  drawHead(s);
  drawButtons(s);
  drawLight(s);
  const [title, text] = phaseWords(s);
  at("phase").dataset.phase = s.power ? s.phase : "none";
  say(at("phase-title"), title);
  say(at("phase-text"), text);
  since = s.power && s.phase === "recording" ? performance.now() - s.since : 0;
  drawClock();
  drawYes(s);
  drawWarnings(s);
  drawCopies(s);
  drawLevers(s);
  showRecordings(at("recordings"), s.recordings.toReversed());
  showBroker(s.card.broker, s.heard);
  showDashboard(s.card.dashboard);
}

at("cut").addEventListener("click", async () => {
  if (at("cut").getAttribute("aria-disabled") === "true") return;
  say(at("said"), "");
  if (await post("/panel/power-cut")) say(at("said"), "The power was cut.");
});
for (const [id, { query }] of Object.entries(levers)) {
  at(id).addEventListener("click", () => post(`/panel/${id}?${query}=${at(id).dataset.is !== "true"}`));
}

const source = new EventSource("/live");
source.onopen = forgetMessages; // those still known are sent again
source.addEventListener("mqtt", (m) => addMessage(JSON.parse(m.data)));
source.onmessage = (m) => draw(JSON.parse(m.data));
source.onerror = () => {
  since = 0;
  drawClock();
  at("phase").dataset.phase = "none";
  say(at("phase-title"), "The demo doesn’t answer");
  say(at("phase-text"), "What you see may be out of date. The page keeps trying.");
};
setInterval(drawClock, 250);
