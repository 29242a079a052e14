package e2e_test

import (
	"encoding/json"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/recording"
)

// Every sample between consent and withdrawal is there, once and in order, and none from before or
// after.
func TestARecordingIsTheConsentAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, parties := range [][]string{{"patient", "clinician"}, {"room"}} {
		t.Run(parties[0], func(t *testing.T) {
			t.Parallel()
			room := audiotest.NewPulse(t)
			code := speak(t, room)
			unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Parties: parties})
			demo := unit.Start(t, room.Env()...)
			demo.Consent()
			demo.Until("three seconds", demotest.Recorded(1, 3))
			demo.Press(parties[0])
			file := demo.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File

			sound, _ := unit.Open(t, file)
			samples := decode(t, sound)
			first := oneRun(t, samples)
			rep := unit.Report(t, file)
			gave, withdrew := rep.Consent[len(rep.Consent)-1], rep.Closing[len(rep.Closing)-1]
			if gave.Act != "gave" || withdrew.Act != "withdrew" || len(rep.Consent) != len(parties) || len(rep.Closing) != 1 {
				t.Fatalf("its acts are %+v and %+v", rep.Consent, rep.Closing)
			}
			if due := code.due(first); due.Add(latency).Before(gave.Time) {
				t.Errorf("the first sample is of %v, before the last consent", due.Sub(gave.Time))
			}
			last := first + int64(len(samples)) - 1
			if due := code.due(last); !due.Before(withdrew.Time) {
				t.Errorf("the last sample is of %v after the withdrawal", due.Sub(withdrew.Time))
			} else {
				t.Logf("it starts %v after the last consent, and ends %v before the withdrawal",
					code.due(first).Sub(gave.Time), withdrew.Time.Sub(due))
			}
			if rep.End.Reason != recording.Withdrawn || rep.End.Samples != int64(len(samples)) || len(rep.End.Gaps) != 0 {
				t.Errorf("of %d samples its end says %+v", len(samples), rep.End)
			}
			listed(t, unit, file, float64(len(samples))/audiotest.Rate)
			nothingInClear(t, unit, demo, file, sound)
		})
	}
}

// listed checks what tacet ls shows for the only recording.
func listed(t *testing.T, unit *demotest.Unit, file string, seconds float64) {
	t.Helper()
	var list []struct {
		File, State, Reason, Codec string
		Seconds                    float64
	}
	if err := json.Unmarshal([]byte(unit.Must(t, demotest.Program("tacet"), "ls", "-json", unit.Spool)),
		&list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].File != unit.Path(file) && list[0].File != file || list[0].State != "whole" ||
		list[0].Reason != "withdrawn" ||
		list[0].Codec != "wav" || time.Duration((list[0].Seconds-seconds)*1e9).Abs() > time.Millisecond {
		t.Errorf("tacet ls says %+v of %s, %.3f s", list, file, seconds)
	}
}
