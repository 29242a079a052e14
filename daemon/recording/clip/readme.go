package clip

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"

	"filippo.io/age"

	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/excerpt"
)

// readMeText is READ-ME.txt. Nothing signs it, so a reader takes only texts that it can make: a
// later version has another one as well, and keeps this.
//
//go:embed readme.txt
var readMeText string

// readMe writes READ-ME.txt. closing is the name of the last note, and stanza the type of the first
// stanza in key.age.
func readMe(h *recording.Head, c *claim, leaves []byte, closing, stanza string) ([]byte, error) {
	file := strings.TrimSuffix(h.FileName(), recording.Extension)
	head, err := soundHead(h, c.From)
	if err != nil {
		return nil, err
	}
	open, signer := "age -d -i ../your.key key.age > clip.key", "$own"
	if stanza == "scrypt" {
		open = "age -d key.age > clip.key"
	}
	if closing == "end.note" && !bytes.Contains(leaves, []byte("  end.age\n")) { // after a power cut
		signer = "$unit"
	}
	withheld := ""
	if p := c.part(); p.Held() > 0 {
		withheld = fmt.Sprintf(", without %d s that are withheld", p.Held())
	}
	base := fmt.Sprintf("%s_%d-%d", file, c.From, c.To)
	return []byte(strings.NewReplacer(
		"{file}", h.FileName(), "{base}", base, "{clip}", base+Extension, "{ext}", h.Audio.Codec,
		"{room}", h.Room, "{site}", h.Site, "{from}", excerpt.Clock(c.From), "{to}", excerpt.Clock(c.To),
		"{withheld}", withheld,
		"{first}", recording.SegmentName(c.From+1, "age"), "{last}", recording.SegmentName(c.To, "age"),
		"{unit}", h.UnitKey, "{own}", h.SigningKey, "{closing}", closing, "{signer}", signer, "{open}", open,
		"{head}", head, "{format}", Format,
	).Replace(readMeText)), nil
}

// soundHead is the command that writes the header of the sound, for a clip from the middle.
func soundHead(h *recording.Head, from int64) (string, error) {
	if from == 0 {
		return "", nil
	}
	var head []byte
	var err error
	switch a := &h.Audio; a.Codec {
	case "opus":
		_, head = ogg.NewStream(h.ID, ogg.Head{Channels: a.Channels, PreSkip: ogg.PreSkip, Rate: a.Rate})
	case "flac":
		head, err = flac.Header(h.ID, a.Rate, a.Channels)
	default:
		head = wav.Header(a.Rate, a.Channels, wav.Unknown)
	}
	return fmt.Sprintf("echo %s | openssl base64 -d -A; ", base64.StdEncoding.EncodeToString(head)), err
}

// stanzaOf returns the type of the first stanza of an age file, or "".
func stanzaOf(file []byte) string {
	var seen stanzaType
	_, _ = age.Decrypt(bytes.NewReader(file), &seen) // it opens nothing, so it fails
	return string(seen)
}

// stanzaType is an identity that opens nothing, and records what could.
type stanzaType string

func (s *stanzaType) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) > 0 {
		*s = stanzaType(stanzas[0].Type)
	}
	return nil, age.ErrIncorrectIdentity
}
