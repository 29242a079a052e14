package main

import (
	"flag"
	"fmt"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/notice/send"
	"tacet/cmd/internal/dashboard/notice/settings"
)

// noticeFlags are the flags about a word to a person.
type noticeFlags struct {
	file          string
	test, example bool
}

func (f *noticeFlags) add(flags *flag.FlagSet) {
	flags.StringVar(&f.file, "notices", "", "send mail or messages when a room needs a hand, as `FILE` says")
	flags.BoolVar(&f.test, "test-notice", false, "send a test message to everybody in the file of -notices, and end")
	flags.BoolVar(&f.example, "notices-example", false, "print a file for -notices, and end")
}

// ends reports whether the flags ask for something other than a dashboard.
func (f *noticeFlags) ends() bool { return f.test || f.example }

// run does what ends asks for.
func (f *noticeFlags) run(env *cli.Env) error {
	if f.example {
		return env.PrintLines(string(settings.Example))
	}
	if f.file == "" {
		return env.Usage("-test-notice needs -notices")
	}
	s, err := f.read()
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range dashboard.TryNotices(env.Ctx, s) {
		if r.Err == nil {
			env.Note("%s: sent; look whether it arrives", r.Name)
			continue
		}
		failed++
		env.Note("%s: %v", r.Name, r.Err)
		if hint := send.Advice(r.Err); hint != "" {
			env.Note("    %s", hint)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d test messages were not taken", failed, len(s.Channels))
	}
	return nil
}

// read reads the file; nil without one.
func (f *noticeFlags) read() (*settings.Settings, error) {
	if f.file == "" {
		return nil, nil
	}
	return settings.Read(f.file, time.Local)
}
