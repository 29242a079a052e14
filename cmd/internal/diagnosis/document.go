package diagnosis

import "time"

// Document is what "tacetd doctor -json" prints. Its fields are documented in systemd/README.md;
// more may come, and none is renamed.
type Document struct {
	Ready     bool       `json:"ready"`
	Verdict   string     `json:"verdict"` // one sentence
	Version   string     `json:"version"` // of tacetd
	Time      time.Time  `json:"time"`    // when doctor ended
	Site      string     `json:"site"`    // "" if the configuration can't be read
	Room      string     `json:"room"`
	Parts     []Part     `json:"parts"`               // in the order of the tries
	Listening *Listening `json:"listening,omitempty"` // absent if the microphone was not opened
}

// Part is a Finding in a Document.
type Part struct {
	Part    string `json:"part"`
	Outcome string `json:"outcome"` // ok, failed, untried or absent
	Text    string `json:"text"`    // of a failure: its cause
	Remedy  string `json:"remedy,omitempty"`
	Command string `json:"command,omitempty"`
}

// Listening is what the microphone delivered. Levels are in dB below full scale, so negative.
type Listening struct {
	Rate    float64 `json:"rate_hz"`   // measured; 0 if it was open too short
	Speech  float64 `json:"speech_db"` // the level that the loudest tenth of the time exceeds
	Peak    float64 `json:"peak_db"`
	Clipped int     `json:"clipped"` // how often the sound was cut off at full scale
}

// Document returns the report for a program.
func (r *Report) Document() Document {
	d := Document{Ready: r.Ready(), Verdict: r.Verdict(), Parts: []Part{}}
	for _, f := range r.Findings {
		d.Parts = append(d.Parts, Part{f.Part, f.Outcome.String(), f.Text, f.Remedy, f.Command})
	}
	return d
}
