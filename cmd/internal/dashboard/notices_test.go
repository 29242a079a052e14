package dashboard

import (
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/brokertest"
	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send"
	"tacet/cmd/internal/dashboard/notice/send/sendtest"
	"tacet/cmd/internal/dashboard/notice/settings"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// byMail are settings of an impatient practice, with a mail server.
func byMail(t *testing.T, server *sendtest.Server) *settings.Settings {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := send.NewMail(send.MailOptions{Host: "127.0.0.1", Port: n, Security: send.StartTLS, Roots: server.Roots,
		From: "tacet@practice.example", To: "manager@practice.example"})
	if err != nil {
		t.Fatal(err)
	}
	return &settings.Settings{
		Page: "https://dash.example",
		Rules: []notice.Rule{{Name: "all", To: []string{"manager"}, Severity: health.Attention, Not: []notice.Code{notice.NeverHeard},
			Group: 5 * time.Second, Clear: time.Second, Cooldown: time.Minute, PerHour: 60}},
		Channels: []send.Channel{{Name: "manager", To: "manager", Shown: "manager", Sender: sender}},
	}
}

// read returns a mail's subject and text.
func read(t *testing.T, m sendtest.Mail) (subject, text string) {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m.Body)))
	if err != nil {
		t.Fatal(err)
	}
	return subject, string(body)
}

// Thirty rooms lose their power, as a real broker reports it, and come back: one mail and one
// "resolved". Then the broker goes: one more. A snoozed room is left out of all of it.
func TestThirtyRoomsLosePower(t *testing.T) {
	m := brokertest.New(t)
	server := sendtest.New(t, sendtest.StartTLS, nil)
	var rooms []practice.RoomID
	for n := range 30 {
		rooms = append(rooms, practice.RoomID{Site: "high-street", Room: fmt.Sprint("room-", n)})
	}
	o := options(t, m, rooms...)
	o.Notices = byMail(t, server)
	d := start(t, o)
	d.until("the broker", func() bool { return d.Status().Links[0].Complete })
	c := m.Client()
	var units []*unit
	for _, id := range rooms {
		u := newUnit(id, "b1")
		units = append(units, u)
		c.Publish(u.State(), u.state(topic.Idle), true)
	}
	all := func(want practice.State) {
		t.Helper()
		d.until(string(want), func() bool {
			_, counts := d.Query(practice.Filter{})
			return counts.ByState[want] == len(rooms)
		})
	}
	all(practice.Ready)
	if err := d.Snooze(t.Context(), rooms[7], "kim", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		c.Publish(u.Availability(), "offline", true)
	}
	all(practice.Silent)
	subject, text := read(t, server.Wait(t, 1)[0])
	if subject != "29 rooms at high-street: not heard from" || !strings.Contains(text, "power") ||
		!strings.Contains(text, "https://dash.example/\r\n") || strings.Contains(text, "room-7 ") {
		t.Errorf("%s\n%s", subject, text)
	}
	for _, u := range units {
		c.Publish(u.Availability(), "online", true)
		c.Publish(u.State(), u.state(topic.Idle), true)
	}
	all(practice.Ready)
	if subject, _ = read(t, server.Wait(t, 2)[1]); !strings.HasPrefix(subject, "Resolved: 29 rooms") {
		t.Error(subject)
	}
	m.Stop()
	if subject, text = read(t, server.Wait(t, 3)[2]); subject != "Broker "+m.Name()+": message broker not reached" {
		t.Errorf("%s\n%s", subject, text)
	}
	m.Start()
	if subject, _ = read(t, server.Wait(t, 4)[3]); !strings.HasPrefix(subject, "Resolved: Broker") {
		t.Error(subject)
	}
	if s := d.Status().Notices; len(s) != 1 || s[0].Name != "manager" {
		t.Errorf("the page is shown %+v", s)
	}
	d.until("an empty outbox", func() bool { return d.NoticeStatus()[0].Waiting == 0 })
}

// One room: the mail has its name, what to do and the address of its page, and nothing of what the
// unit wrote itself.
func TestNoticeOfARoom(t *testing.T) {
	m := brokertest.New(t)
	server := sendtest.New(t, sendtest.StartTLS, nil)
	o := options(t, m, room3)
	o.Notices = byMail(t, server)
	d := start(t, o)
	d.until("the broker", func() bool { return d.Status().Links[0].Complete })
	c, u := m.Client(), newUnit(room3, "b1")
	c.Publish(u.Alert("recording-damaged"), "20261121T140322Z_room-3_7q4k9mz2ha.tacet is damaged", true)
	c.Publish(u.State(), u.state(topic.Idle, "recording-damaged"), true)
	subject, text := read(t, server.Wait(t, 1)[0])
	w, _ := health.Lookup(health.RecordingDamaged)
	if subject != "Consulting room-3 (high-street): a recording is damaged" || !strings.Contains(text, w.Do) ||
		!strings.Contains(text, "https://dash.example/room/high-street/room-3") || strings.Contains(text, "7q4k9mz2ha") ||
		strings.Contains(text, "Do this.") {
		t.Errorf("%s\n%s", subject, text)
	}
}
