package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"tacet/cmd/internal/browsertest"
	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/brokertest"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/systemd/needs"
)

// The dashboard shows what people do at a real unit, over a real broker: they press, somebody pulls
// the drive out, the power is cut, the broker stops.
func TestTheDashboardShowsTheRoom(t *testing.T) {
	if !demotest.MayLockMemory() {
		needs.Root(t, "to lock memory: a room without that needs a hand")
	}
	m := brokertest.New(t)
	unit := demotest.NewUnit(t, demotest.Settings{Device: "default",
		Stores: "[[store]]\nname = \"drive\"\nkind = \"drive\"\n" +
			"[mqtt]\nbroker = \"" + m.URL() + "\"\n"})
	room := practice.RoomID{Site: "high-street", Room: "room-3"}
	d, err := dashboard.Open(t.Context(), dashboard.Options{Brokers: []dashboard.Broker{{URL: m.URL()}}, Dir: t.TempDir(),
		Known: []practice.Known{{ID: room, Name: "Consulting room 3"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	p := &page.Page{Source: d, Desk: d, Location: time.UTC}
	s := httptest.NewServer(p.Handler())
	t.Cleanup(func() {
		stop()
		s.CloseClientConnections()
		s.Close()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		d.Close()
	})
	b := browsertest.Open(t, s.URL+"/")
	const tile = `document.getElementById("tile/high-street/room-3")`
	word := func(is string) string { return tile + `?.querySelector(".word").textContent === "` + is + `"` }
	b.Until(word("Never heard"))

	demo := start(t, "-config", unit.Config, "-dir", unit.Dir, "-mic", "voice")
	b.Until(word("Ready") + ` && document.title === "1 well · Tacet"`)
	demo.consent()
	b.Until(word("Recording"))
	demo.Until("two seconds", demotest.Recorded(1, 2))
	demo.Post("/panel/press?party=patient")
	b.Until(word("Ready"))

	demo.Post("/panel/drive?present=false")
	b.Until(word("Needs a hand") + ` && ` + tile + `.textContent.includes("Store missing") && ` + tile + `.textContent.includes("Plug the drive in")`)
	demo.Post("/panel/drive?present=true")
	b.Until(word("Ready"))

	// A broker that stops in order may still say that the room has gone, before it is gone itself.
	m.Stop()
	b.Until(`/^Was (ready|silent)$/.test(` + tile + `.querySelector(".word").textContent) && document.querySelector("#part-trust").textContent.includes("The broker is gone.") &&
		document.title === "⚠ The broker is gone. · Tacet"`)
	m.Start()
	b.Until(word("Ready") + ` && document.title === "1 well · Tacet"`)

	b.Visit(s.URL + "/room/high-street/room-3")
	b.Until(`document.querySelector(".sentence").textContent === "The room can record." &&
		document.querySelector("#part-room-stores").textContent === "drive: connected" && document.querySelectorAll("rect.recording").length === 2`)
	b.Audit("a real room")
}
