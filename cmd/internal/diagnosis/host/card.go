package host

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"tacet/cmd/internal/diagnosis"
)

// How worn a card may be, by the JEDEC standard for eMMC (JESD84): life_time counts tenths of the
// expected life, from 1, with 11 for beyond; pre_eol_info says how much of the spare blocks is
// used: 1 for little, 2 for four fifths, 3 for nearly all.
const (
	lifeWorn    = 10
	spareUsedUp = 2
)

// cards reports how worn each SD card or eMMC is. Most SD cards don't tell.
func (h Host) cards() (found []diagnosis.Finding) {
	for _, dir := range h.list("sys/block/mmcblk*") {
		name := filepath.Base(dir)
		if strings.Contains(strings.TrimPrefix(name, "mmcblk"), "b") { // mmcblk0boot0
			continue
		}
		found = append(found, h.card(name))
	}
	return found
}

func (h Host) card(name string) diagnosis.Finding {
	f := diagnosis.Finding{Part: "wear of " + name}
	life := 0
	for _, field := range strings.Fields(h.read("sys/block/" + name + "/device/life_time")) { // two kinds of cells
		life = max(life, jedec(field))
	}
	spare := jedec(h.read("sys/block/" + name + "/device/pre_eol_info"))
	switch {
	case life == 0 && spare == 0:
		f.Outcome, f.Text = diagnosis.Absent, "the card doesn't tell"
		return f
	case life >= lifeWorn || spare >= spareUsedUp:
		f.Outcome, f.Text = diagnosis.Failed, "the card is nearly worn out"
		f.Remedy = "replace it soon: prepare another card, and take the unit's key and recordings over"
		f.Command = fmt.Sprintf("grep . /sys/block/%s/device/life_time /sys/block/%[1]s/device/pre_eol_info", name)
	default:
		f.Text = "few of the card's spare blocks are used"
	}
	if life > 0 {
		f.Text += fmt.Sprintf(": about %d %% of its life is used", min(life, 10)*10)
	}
	return f
}

// jedec is a register of the card, as the kernel shows it; 0 if it isn't defined.
func jedec(text string) int {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 8)
	if err != nil {
		return 0
	}
	return int(n)
}
