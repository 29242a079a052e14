package trial

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"tacet/cmd/internal/rootfile"
	"tacet/daemon/update"
)

// lookEvery is the pause between two looks. There are looks only while a version is on trial, or
// waits to be started.
const lookEvery = 5 * time.Second

// Service is the service, as systemd and its own report show it.
type Service interface {
	// Look fills in Seen. installed is the path of the installed program.
	Look(ctx context.Context, installed string) (Seen, error)
	// Loaded reports whether systemd has read the service's files as they are now.
	Loaded(ctx context.Context) (bool, error)
	// Reload makes systemd read the service's files; it doesn't touch the process.
	Reload(ctx context.Context) error
	// Restart ends the process, if there is one, and starts the service.
	Restart(ctx context.Context) error
}

// Files are how files are written. The zero value writes them for good; tests cut the power.
type Files struct {
	Write  func(path string, data []byte) error
	Remove func(path string) error
}

// Runner tries a new version on a unit. What it decides is on disk before it acts on it, in an
// order that a power cut can interrupt anywhere: see Run.
type Runner struct {
	Program   string // that is installed
	Previous  string // the copy that the package's preinst has made of the one before
	Installed string // update.InstalledFile
	Dir       string // update.Dir
	DropIn    string // path of the drop-in
	Service   Service
	Say       func(format string, args ...any)
	Files     Files

	state update.State
	judge *Judge
}

// Run looks until the installed version is proven or has failed, or there is nothing to judge.
//
// After a power cut it goes on with what it finds. The verdict "failed" is, in this order: the
// drop-in, the state, systemd's reload, the restart. With the drop-in the verdict stands; whatever
// is missing of the rest is done again.
func (r *Runner) Run(ctx context.Context) error {
	r.prepare()
	for {
		more, err := r.look(ctx)
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func (r *Runner) prepare() {
	if r.Files.Write == nil {
		r.Files = Files{rootfile.Write, rootfile.Remove}
	}
}

func (r *Runner) dropIn() dropIn { return dropIn{r.DropIn, r.Files} }

func (r *Runner) store() error { return r.state.Write(r.Dir, r.Files.Write) }

// look looks once, and does what follows from it.
func (r *Runner) look(ctx context.Context) (more bool, err error) {
	version, err := update.Installed(r.Installed)
	if err != nil {
		return false, err
	}
	r.remember()
	if err := r.dropInOf(ctx, version); err != nil {
		return false, err
	}
	if failed := r.state.Find(version); failed != nil {
		return r.goBack(ctx, *failed)
	}
	proven := r.proven()
	if version == proven {
		if r.state.Trial != nil { // a power cut came in between
			r.state.Trial = nil
			err = r.store()
		}
		return false, err
	}
	r.summon(version, proven)
	before := *r.judge.Trial
	before.Before = slices.Clone(before.Before)
	seen, err := r.Service.Look(ctx, r.Program)
	if err != nil {
		return false, err
	}
	switch verdict := r.judge.Look(seen); verdict {
	case Keep:
		return false, r.keep(seen.PID, version)
	case Failed:
		if r.hasPrevious() {
			return r.fail(ctx, update.Failed{Version: version, Why: r.judge.Why})
		}
		r.Say("version %s does not work, and there is no other: %s", version, r.judge.Why)
		return false, nil // looked at again when the service is started
	case Wait, Later:
		if !reflect.DeepEqual(before, *r.judge.Trial) || r.state.Trial == nil {
			r.state.Trial = r.judge.Trial
			err = r.store()
		}
		return verdict == Wait, err
	}
	return false, nil
}

// remember reads the state. One that can't be read is replaced; the drop-in still says what has failed.
func (r *Runner) remember() {
	state, err := update.Read(r.Dir)
	if err != nil {
		r.Say("starting anew: %v", err)
		state = update.State{}
	}
	r.state = state
}

// summon makes the judge of a version. What is known of the version before stays known when another
// takes the place of the one on trial.
func (r *Runner) summon(version, proven string) {
	if r.judge != nil && r.judge.Version == version {
		return
	}
	t := r.state.Trial
	if t == nil {
		t = &update.Trial{Version: version}
	} else if t.Version != version {
		t = &update.Trial{Version: version, Before: t.Before, BeforeFailed: t.BeforeFailed}
	}
	r.judge = &Judge{Trial: t, Proven: proven}
	r.Say("version %s is on trial; the one before is %s", version, orNone(proven))
}

func orNone(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}

// dropInOf makes the drop-in and the state agree. A drop-in of another version goes: the installed
// one is started when the running one ends for it.
func (r *Runner) dropInOf(ctx context.Context, version string) error {
	failed, err := r.dropIn().read()
	if err != nil {
		return err
	}
	if failed != nil && failed.Version != "" && r.state.Find(failed.Version) == nil {
		r.state.Fail(*failed)
		if err := r.store(); err != nil {
			return err
		}
	}
	if failed != nil && failed.Version == version {
		return nil
	}
	if failed == nil {
		if r.judge != nil {
			return nil
		}
		return r.reload(ctx) // this process may have been killed after it removed the drop-in
	}
	r.Say("version %s is installed: it will be started in place of the previous one", version)
	if err := r.dropIn().remove(); err != nil {
		return err
	}
	return r.Service.Reload(ctx)
}

// fail ends the trial of a version that does not work.
func (r *Runner) fail(ctx context.Context, f update.Failed) (more bool, err error) {
	r.Say("version %s has failed: %s", f.Version, f.Why)
	if err := r.dropIn().write(f, r.Previous); err != nil {
		return false, err
	}
	r.state.Fail(f)
	if err := r.store(); err != nil {
		return false, err
	}
	return r.goBack(ctx, f)
}

// goBack makes the service run the previous version, if it does not. It waits until nothing is
// recorded.
func (r *Runner) goBack(ctx context.Context, f update.Failed) (more bool, err error) {
	if !r.hasPrevious() {
		return false, nil
	}
	if there, err := r.dropIn().read(); err != nil {
		return false, err
	} else if there == nil {
		if err := r.dropIn().write(f, r.Previous); err != nil {
			return false, err
		}
	}
	if err := r.reload(ctx); err != nil {
		return false, err
	}
	seen, err := r.Service.Look(ctx, r.Program)
	if err != nil {
		return false, err
	}
	runs := seen.PID != 0 && seen.Installed
	switch {
	case runs && seen.Recording:
		return true, nil
	case runs || r.state.Returning && seen.Active == "failed":
		r.Say("starting the version before")
		if err := r.Service.Restart(ctx); err != nil {
			return false, err
		}
		more = true
	case seen.PID == 0 && seen.Active == "activating":
		return true, nil // between two starts: perhaps still of the version that has failed
	}
	if r.state.Returning {
		r.state.Returning = false
		err = r.store()
	}
	return more, err
}

// reload makes systemd read the drop-in, if it has not.
func (r *Runner) reload(ctx context.Context) error {
	loaded, err := r.Service.Loaded(ctx)
	if err != nil || loaded {
		return err
	}
	return r.Service.Reload(ctx)
}

// keep notes that a version is proven, with the hash of the program that runs: preinst keeps a copy
// of that one and of no other.
func (r *Runner) keep(pid int, version string) error {
	sum, err := hash(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return err
	}
	if err := r.Files.Write(r.provenFile(), fmt.Appendf(nil, "%s %s\n", sum, version)); err != nil {
		return err
	}
	r.Say("version %s is kept", version)
	r.state.Trial = nil
	return r.store()
}

func (r *Runner) provenFile() string { return filepath.Join(r.Dir, "proven") }

// proven returns the version that was kept last; empty: none.
func (r *Runner) proven() string {
	data, err := os.ReadFile(r.provenFile())
	if err != nil {
		return ""
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return version
}

func (r *Runner) hasPrevious() bool {
	info, err := os.Stat(r.Previous)
	return err == nil && info.Mode().IsRegular()
}
