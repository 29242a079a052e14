
"use strict";
(function () {
  const $ = (id) => document.getElementById(id);
  const holder = $("sound"), audio = $("audio");
  let context = null, compressor = null, gain = null;

  // The sound is decoded piece by piece: a multiple of four letters each.
  function blob() {
    const text = holder.textContent, step = 1 << 20, parts = [];
    for (let i = 0; i < text.length; i += step) {
      const piece = atob(text.slice(i, i + step));
      const bytes = new Uint8Array(piece.length);
      for (let k = 0; k < piece.length; k++) bytes[k] = piece.charCodeAt(k);
      parts.push(bytes);
    }
    return new Blob(parts, { type: holder.dataset.type });
  }

  function clock(seconds) {
    const s = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
    return s < 3600 ? Math.floor(s / 60) + ":" + two(s % 60)
      : Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  }

  function show() {
    $("at").textContent = clock(audio.currentTime);
    $("place").value = String(Math.floor(audio.currentTime));
    $("place").setAttribute("aria-valuetext", clock(audio.currentTime));
    $("word").textContent = audio.paused ? "Play" : "Stop";
    $("sign").textContent = audio.paused ? "▶" : "❚❚";
  }

  function skip(seconds) {
    audio.currentTime = Math.min(Math.max(0, audio.currentTime + seconds), audio.duration || 0);
    show();
  }

  // Louder: quiet voices come up, loud ones don't hurt. The sound itself stays as it is.
  function loudness(louder) {
    if (context === null) {
      if (!louder) return;
      context = new AudioContext();
      compressor = new DynamicsCompressorNode(context, { threshold: -45, knee: 20, ratio: 6, attack: 0.005, release: 0.2 });
      gain = new GainNode(context, { gain: 1 });
      context.createMediaElementSource(audio).connect(compressor).connect(gain).connect(context.destination);
    }
    compressor.ratio.value = louder ? 6 : 1;
    gain.gain.value = louder ? 3 : 1;
    context.resume();
  }

  function toggle(button, change) {
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      change(pressed);
    });
  }

  function cannot() {
    $("said").textContent = "This browser can't play the sound. Open one of the files below.";
    $("plain").hidden = false;
  }

  audio.removeAttribute("controls");
  audio.preload = "auto";
  audio.addEventListener("error", cannot);
  audio.src = URL.createObjectURL(blob());
  holder.textContent = "";
  for (const event of ["timeupdate", "play", "pause", "ended"]) audio.addEventListener(event, show);
  audio.addEventListener("loadedmetadata", () => {
    $("place").max = String(Math.floor(audio.duration));
    $("length").textContent = clock(audio.duration);
  });
  $("play").addEventListener("click", () => {
    if (!audio.paused) return audio.pause();
    if (context !== null) context.resume();
    audio.play().catch(cannot);
  });
  $("back").addEventListener("click", () => skip(-10));
  $("on").addEventListener("click", () => skip(10));
  $("place").addEventListener("input", () => { audio.currentTime = Number($("place").value); });
  toggle($("slower"), (on) => { audio.playbackRate = audio.defaultPlaybackRate = on ? 0.75 : 1; });
  toggle($("louder"), loudness);
  $("player").hidden = false;
  $("plain").hidden = true;
})();
