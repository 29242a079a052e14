// Shows MQTT messages, the newest first, and no more than the page can
// hold. The content of a message is only ever text here.
const most = 100; // messages
const long = 700; // characters; longer payloads are folded

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
  if (m.size === 0) return element("p", "none", m.retained ? "Empty: the broker deletes its retained message." : "Empty.");
  const text = element("code", "payload", m.payload);
  if (m.payload.length <= long) return text;
  const fold = element("details", "", "");
  fold.append(element("summary", "", `${m.size.toLocaleString("en")} bytes, starting with ${m.payload.slice(0, 60)}…`), text);
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

// showDashboard links to the practice's dashboard, if there is one.
export function showDashboard(url) {
  at("dashboard-hint").hidden = !url;
  if (url) at("dashboard").href = url;
}

// showBroker shows where the messages go, and how to read them elsewhere.
export function showBroker(broker, heard) {
  at("passing").hidden = !heard;
  if (at("wires-hint").dataset.now === broker) return;
  at("wires-hint").dataset.now = broker;
  if (!heard) {
    at("wires-hint").replaceChildren("This unit uses another broker, and this page doesn’t listen there: ", element("code", "", broker));
    return;
  }
  const [, host, port] = broker.match(/\/\/(.*):(\d+)/);
  at("wires-hint").replaceChildren("Everything that the unit publishes. It never says who pressed, or why a recording ended. To listen on the demo’s machine: ",
    element("code", "", `mosquitto_sub -h ${host} -p ${port} -t '#' -v`));
}
