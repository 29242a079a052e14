package office

import (
	"errors"
	"strings"
	"testing"
)

// keys makes an office's key.
func keys(t *testing.T, name string) (Signer, Key) {
	t.Helper()
	private, public, err := NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name() != "tacet-office/"+name || k.Name() != s.Name() || k.String() != public {
		t.Errorf("the key is called %s and %s", s.Name(), k.Name())
	}
	return s, k
}

const list = "# the practice\nage1aaa\n# the partner, who keeps it at home\nage1bbb\n"

func signed(t *testing.T, s Signer, list string) string {
	t.Helper()
	out, err := SignList([]byte(list), s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestOpenList(t *testing.T) {
	s, k := keys(t, "high-street")
	whole := signed(t, s, list)
	if !strings.HasPrefix(whole, list+"# — tacet-office/high-street ") {
		t.Errorf("the signed list is\n%s", whole)
	}
	for how, text := range map[string]string{
		"as it is":             whole,
		"from Windows":         "\ufeff" + strings.ReplaceAll(whole, "\n", "\r\n"),
		"without the last end": strings.TrimSuffix(whole, "\n"),
		"with blanks":          strings.ReplaceAll(whole, "\n", " \t\n") + "\n \n",
		"signed twice":         signed(t, s, whole),
	} {
		if got, err := k.OpenList([]byte(text)); got != list || err != nil {
			t.Errorf("%s: %q, %v", how, got, err)
		}
	}
}

// After any change, the list does not count as signed.
func TestOpenChangedList(t *testing.T) {
	s, k := keys(t, "high-street")
	other, _ := keys(t, "high-street")
	whole := signed(t, s, list)
	line := whole[len(list):]
	for how, c := range map[string]struct {
		text string
		want error
	}{
		"unsigned":                  {list, ErrUnsigned},
		"empty":                     {"", ErrUnsigned},
		"added at the end":          {whole + "age1ccc\n", ErrChanged},
		"added at the start":        {"age1ccc\n" + whole, ErrChanged},
		"added in the middle":       {strings.Replace(whole, "age1bbb", "age1ccc\nage1bbb", 1), ErrChanged},
		"removed":                   {strings.Replace(whole, "age1aaa\n", "", 1), ErrChanged},
		"reordered":                 {"age1bbb\n" + strings.Replace(whole, "age1bbb\n", "", 1), ErrChanged},
		"a remark changed":          {strings.Replace(whole, "partner", "porter", 1), ErrChanged},
		"signed twice, added after": {whole + "age1ccc\n" + line, ErrChanged},
		"another office":            {signed(t, other, list), ErrChanged},
		"another's signature too":   {whole + signed(t, other, list)[len(list):], ErrChanged},
		"a torn signature":          {whole[:len(whole)-10], ErrChanged},
		"one list after another":    {whole + signed(t, s, "age1ccc\n"), ErrChanged},
		"an empty line in between":  {strings.Replace(whole, "age1bbb", "\nage1bbb", 1), ErrChanged},
		"too long":                  {strings.Repeat("#\n", MaxList), nil},
	} {
		got, err := k.OpenList([]byte(c.text))
		if err == nil || got != "" || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v, want %v", how, got, err, c.want)
		}
	}
}

// Signing a list again includes what was added after the old signature.
func TestSignListAgain(t *testing.T) {
	s, k := keys(t, "high-street")
	_, second := keys(t, "second")
	grown := signed(t, s, list) + "age1ccc\n"
	if got, err := k.OpenList([]byte(signed(t, s, grown))); got != list+"age1ccc\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := second.OpenList([]byte(signed(t, s, grown))); !errors.Is(err, ErrChanged) {
		t.Errorf("another office accepts it: %v", err)
	}
}

// Lists that could not be opened again are not signed.
func TestSignListWantsPlainText(t *testing.T) {
	s, _ := keys(t, "high-street")
	for _, text := range []string{"a\tb\n", "a\x00\n", "\xff\xfea\x00\n", "a\rb\n"} {
		if out, err := SignList([]byte(text), s); err == nil {
			t.Errorf("signed %q as %q", text, out)
		}
	}
}

var stick = Drive{Site: "high-street", Room: "room-3", Store: "drive", ID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	UUID: "1234-ABCD"}

// The signature covers each field of a drive.
func TestDrive(t *testing.T) {
	s, k := keys(t, "high-street")
	signature, err := SignDrive(stick, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.CheckDrive(stick, signature); err != nil {
		t.Error(err)
	}
	if err := k.CheckDrive(stick, ""); !errors.Is(err, ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	for what, change := range map[string]func(*Drive){
		"site": func(d *Drive) { d.Site = "low-street" }, "room": func(d *Drive) { d.Room = "*" },
		"store": func(d *Drive) { d.Store = "x" },
		"ID":    func(d *Drive) { d.ID = "B" + d.ID[1:] }, "UUID": func(d *Drive) { d.UUID = "1234-ABCE" },
		"no UUID": func(d *Drive) { d.UUID = "" }, "a line more": func(d *Drive) { d.Site = "a\nb" },
		"shifted": func(d *Drive) { d.Site, d.Room = "high-street\nroom-3", "drive" },
	} {
		other := stick
		change(&other)
		if err := k.CheckDrive(other, signature); err == nil {
			t.Errorf("another %s is accepted", what)
		}
	}
	if _, err := SignDrive(Drive{Site: "a"}, s); err == nil {
		t.Error("a drive without a UUID was signed")
	}
	_, other := keys(t, "high-street")
	if err := other.CheckDrive(stick, signature); !errors.Is(err, ErrChanged) {
		t.Errorf("another office: %v", err)
	}
	if err := k.CheckDrive(stick, signature+"\n"+dash+signature); err == nil {
		t.Error("two signatures in one are accepted")
	}
}

// A signature of a list is never one of a drive.
func TestListSignatureIsNoDriveSignature(t *testing.T) {
	s, k := keys(t, "high-street")
	text, err := stick.text()
	if err != nil {
		t.Fatal(err)
	}
	whole := signed(t, s, text)
	signature := strings.TrimSpace(strings.TrimPrefix(whole, text+"# "+dash))
	if err := k.CheckDrive(stick, signature); err == nil {
		t.Error("the signature of a list is accepted for a drive")
	}
}

func TestBadKeys(t *testing.T) {
	private, public, err := NewKey("office")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "High Street", "a/b", "a+b", strings.Repeat("a", 33)} {
		if _, _, err := NewKey(name); err == nil {
			t.Errorf("NewKey accepts the name %q", name)
		}
	}
	if _, err := ParseKey(private); err == nil {
		t.Error("ParseKey accepts a private half")
	}
	if _, err := ParseSigner(public); err == nil {
		t.Error("ParseSigner accepts a public half")
	}
	if _, err := ParseSigner(private[:30]); err == nil || strings.Contains(err.Error(), private[20:30]) {
		t.Errorf("half a key: %v", err)
	}
	if _, err := ParseKey("tacet/high-street/room-3+00000000+AAAA"); err == nil {
		t.Error("ParseKey accepts a unit's key")
	}
}

func FuzzOpenList(f *testing.F) {
	private, public, err := NewKey("office")
	if err != nil {
		f.Fatal(err)
	}
	s, _ := ParseSigner(private)
	k, _ := ParseKey(public)
	whole, err := SignList([]byte(list), s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(list))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := k.OpenList(text); err == nil && got != list {
			t.Errorf("%q is accepted", got)
		}
	})
}
