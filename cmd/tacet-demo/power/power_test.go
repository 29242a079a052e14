package power

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tacet/cmd/tacet-demo/page"
	"tacet/hw/simpanel"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

// powered runs a fake unit. stop ends it, and returns Run's error.
func powered(t *testing.T, mode string) (s *Supply, front *simpanel.Panel, stop func() error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	front = simpanel.New(simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}})
	s = New([]string{self, fakeUnit, mode}, front, slog.New(slog.NewTextHandler(io.Discard, nil)))
	s.StopWithin = patience
	if mode == "goes on" {
		s.StopWithin = time.Millisecond
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() { stop() })
	return s, front, stop
}

// until waits until the unit's status is as wanted.
func (s *Supply) until(t *testing.T, what string, wanted func(page.Status) bool) page.Status {
	t.Helper()
	late := time.After(patience)
	for {
		changed := s.Changed()
		if now := s.Status(); wanted(now) {
			return now
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s: never seen; the last was %+v", what, s.Status())
		}
	}
}

func running(s page.Status) bool { return s.Power && s.Phase == "recording" }

// pid returns a fake unit's process.
func pid(t *testing.T, s page.Status) int {
	t.Helper()
	n, err := strconv.Atoi(s.Recording)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestAPowerCutLeavesNothingOfTheUnit(t *testing.T) {
	s, front, _ := powered(t, "stops")
	first := pid(t, s.until(t, "power", running))
	if front.State().Light != simpanel.On {
		t.Fatal("the light isn't lit")
	}
	s.CutPower()
	if alive(first) {
		t.Error("the unit outlived its power")
	}
	if now := s.Status(); now.Power || now.Phase != "fault" {
		t.Errorf("without power it says %+v", now)
	}
	if front.State().Light != simpanel.Off {
		t.Error("the light shines without power")
	}
	turn := front.State().LightTurn
	s.CutPower()
	if front.State().LightTurn != turn {
		t.Error("the second cut waited for the power to return")
	}
	if second := pid(t, s.until(t, "power again", running)); second == first {
		t.Error("the same unit came back from the dead")
	}
}

func TestAStopIsInOrder(t *testing.T) {
	s, front, stop := powered(t, "stops")
	unit := pid(t, s.until(t, "power", running))
	if err := stop(); err != nil {
		t.Errorf("the unit ended with %v", err)
	}
	if alive(unit) || front.State().Light != simpanel.Off {
		t.Error("something of it is left")
	}
	s.CutPower() // it must not hang
}

func TestAUnitThatDoesntStopIsKilled(t *testing.T) {
	s, _, stop := powered(t, "goes on")
	unit := pid(t, s.until(t, "power", running))
	if err := stop(); err == nil {
		t.Error("Run returned no error")
	}
	if alive(unit) {
		t.Error("it goes on")
	}
}

func TestAUnitThatDiesComesBackAndItsLightIsDark(t *testing.T) {
	s, front, _ := powered(t, "stops")
	first := pid(t, s.until(t, "power", running))
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.until(t, "its death", func(s page.Status) bool { return !s.Power })
	if front.State().Light != simpanel.Off {
		t.Error("a dead unit's light shines")
	}
	s.until(t, "its return", running)
}

func TestAUnitThatCantUseItsConfigIsNotTriedAgain(t *testing.T) {
	s, _, _ := powered(t, strconv.Itoa(BadConfig))
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Fatal("it is tried again and again")
	}
}
