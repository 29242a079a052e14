// Package clip makes and reads clips: parts of a recording that prove themselves. CLIP.md specifies
// the file.
//
//	index, report, err := recording.NewIndex(f, size, recording.Options{})
//	err := index.Unlock(identities)
//	part, err := excerpt.Select(index, from, to, without)
//	err := clip.Make(w, index, part, recipients)
//
//	report, err := clip.Verify(f, size, clip.Options{Units: known})
//	report, err := clip.Open(f, size, w, clip.Opening{Identities: ids})
//
// A clip is genuine as a whole or not at all: an error names the first member that is wrong, and
// why. It gives away the seconds in it and nothing that helps with any other.
//
// Package excerpt says which seconds a clip holds, and claim.go how it says so. make.go writes it
// and readme.go its READ-ME.txt, verify.go checks it, and open.go makes a file that plays.
package clip
