// Shows what goes over MQTT: the newest first, and no more than the page can
// hold. What a message says is only ever text here.
const most = 100; // messages
const long = 700; // characters; beyond that a payload is folded

const at = (id) => document.getElementById(id);

function element(tag, name, text) {
  const el = document.createElement(tag);
  el.className = name;
  el.textContent = text;
  return el;
}

const clock = (time) => {
  const d = new Date(time);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
};

function payload(m) {
  if (m.size === 0) return element("p", "none", m.retained ? "Empty: the broker forgets what it kept here." : "Empty.");
  const text = element("code", "payload", m.payload);
  if (m.payload.length <= long) return text;
  const fold = element("details", "", "");
  fold.append(element("summary", "", `${m.size.toLocaleString("en")} bytes, beginning ${m.payload.slice(0, 60)}…`), text);
  return fold;
}

export function addMessage(m) {
  const li = document.createElement("li");
  const head = element("p", "head", "");
  const time = element("time", "", clock(m.time));
  time.dateTime = m.time;
  head.append(time, " ", element("span", "topic", m.topic));
  if (m.retained) head.append(" ", element("span", "retained", "retained"));
  li.append(head, payload(m));
  at("messages").prepend(li);
  while (at("messages").children.length > most) at("messages").lastElementChild.remove();
}

export function forgetMessages() {
  at("messages").replaceChildren();
}

// showBroker says where the messages go, and how to hear them elsewhere.
export function showBroker(broker, heard) {
  at("passing").hidden = !heard;
  if (at("wires-hint").dataset.now === broker) return;
  at("wires-hint").dataset.now = broker;
  if (!heard) {
    at("wires-hint").replaceChildren("This unit has a broker of its own, and this page doesn’t listen there: ", element("code", "", broker));
    return;
  }
  const [, host, port] = broker.match(/\/\/(.*):(\d+)/);
  at("wires-hint").replaceChildren("All that the unit tells anybody. Never who pressed, nor why it ended. To listen on the demo’s machine: ",
    element("code", "", `mosquitto_sub -h ${host} -p ${port} -t '#' -v`));
}
