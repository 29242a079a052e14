package provision

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// The files that the three formats read.
const (
	firstRun    = "firstrun.sh"
	cmdLine     = "cmdline.txt"
	userData    = "user-data"
	preseedFile = "rpi-preseed.toml"
)

// installer is what the image's first start calls. It is in one of two places, as the image mounts
// the boot partition.
const installer = "/boot/firmware/tacet/install"

// callLine is the call for a shell script, whose own errors end nothing else.
const callLine = `for d in /boot/firmware /boot; do [ ! -f "$d/tacet/install" ] || { sh "$d/tacet/install"; break; }; done # tacet`

// ownRun is firstrun.sh where Imager wrote none.
const ownRun = `#!/bin/bash
set +e
` + callLine + `
rm -f /boot/firstrun.sh
sed -i 's| systemd[.][^ ]*||g' /boot/cmdline.txt
exit 0
`

// runArgs make systemd run firstrun.sh, and start again after it.
const runArgs = " systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"

// hookSystemd has firstrun.sh call the installer, before all else that it does.
func (c *Card) hookSystemd() error {
	script, err := c.text(firstRun)
	if err != nil {
		return err
	}
	switch {
	case script == "":
		script = ownRun
	case strings.Contains(script, callLine): // from before
	case !strings.HasPrefix(script, "#!"):
		return fmt.Errorf("%s is no script: image the card anew", firstRun)
	default:
		first, rest, _ := strings.Cut(strings.ReplaceAll(script, "\r\n", "\n"), "\n")
		script = first + "\n" + callLine + "\n" + rest
	}
	if err := c.put(firstRun, []byte(script)); err != nil {
		return err
	}
	line, err := c.text(cmdLine)
	if err != nil || strings.Contains(line, "systemd.run=") {
		return err
	}
	line = strings.TrimSpace(line)
	if line == "" || strings.Contains(line, "\n") {
		return fmt.Errorf("%s has not one line: image the card anew", cmdLine)
	}
	return c.put(cmdLine, []byte(line+runArgs+"\n"))
}

// hookCloudInit adds a command to user-data. What else stands there stays, remarks included.
func (c *Card) hookCloudInit() error {
	text, err := c.text(userData)
	if err != nil {
		return err
	}
	merged, err := mergeCloudInit(strings.ReplaceAll(text, "\r\n", "\n"))
	if err != nil {
		return fmt.Errorf("%s: %w", userData, err)
	}
	if err := c.put(userData, []byte(merged)); err != nil {
		return err
	}
	if !c.has("meta-data") { // cloud-init looks for both
		return c.put("meta-data", []byte("dsmode: local\ninstance_id: rpios-image\n"))
	}
	return nil
}

var command = []string{"sh", installer}

const cloudHeader = "#cloud-config"

func mergeCloudInit(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		text = cloudHeader + "\n"
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return "", fmt.Errorf("can't be read: %w; image the card anew", err)
	}
	empty := len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" // remarks alone
	if !strings.HasPrefix(text, cloudHeader) {
		if !empty {
			return "", errors.New("does not begin with " + cloudHeader + ": image the card anew, with Raspberry Pi Imager 2")
		}
		text = cloudHeader + "\n" + text
	}
	if empty {
		return strings.TrimRight(text, "\n") + "\nruncmd:\n- [sh, " + installer + "]\n", nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return "", errors.New("holds no settings: image the card anew")
	}
	for i := 0; i < len(top.Content); i += 2 {
		if top.Content[i].Value != "runcmd" {
			continue
		}
		return addCommand(text, &doc, top.Content[i+1])
	}
	return strings.TrimRight(text, "\n") + "\nruncmd:\n- [sh, " + installer + "]\n", nil
}

// addCommand adds ours to the commands that user-data has, unless it is there from before.
func addCommand(text string, doc, list *yaml.Node) (string, error) {
	if list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		*list = yaml.Node{Kind: yaml.SequenceNode}
	}
	if list.Kind != yaml.SequenceNode {
		return "", errors.New("its runcmd is no list: image the card anew")
	}
	for _, item := range list.Content {
		var words []string
		if item.Decode(&words) == nil && slices.Equal(words, command) {
			return text, nil
		}
	}
	item := &yaml.Node{}
	if err := item.Encode(command); err != nil {
		return "", err
	}
	item.Style = yaml.FlowStyle
	list.Content = append(list.Content, item)
	out, err := yaml.Marshal(doc)
	if err == nil && !strings.HasPrefix(string(out), cloudHeader) {
		out = append([]byte(cloudHeader+"\n"), out...)
	}
	return string(out), err
}

// hookPreseed adds a command to rpi-preseed.toml.
func (c *Card) hookPreseed() error {
	text, err := c.text(preseedFile)
	if err != nil {
		return err
	}
	merged, err := mergePreseed(text)
	if err != nil {
		return fmt.Errorf("%s: %w", preseedFile, err)
	}
	return c.put(preseedFile, []byte(merged))
}

func mergePreseed(text string) (string, error) {
	call := strings.Join(command, " ")
	doc := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &doc); err != nil {
		return "", fmt.Errorf("can't be read: %w; image the card anew", err)
	}
	if len(doc) == 0 {
		text = "config_version = 1\n" + text
		doc["config_version"] = int64(1)
	}
	runcmd, there := doc["runcmd"]
	if !there { // all that Imager wrote stays as it is
		return strings.TrimRight(text, "\n") + "\n\n[runcmd]\nlate = [\"" + call + "\"]\n", nil
	}
	table, ok := runcmd.(map[string]any)
	if !ok {
		return "", errors.New("its runcmd is no section: image the card anew")
	}
	late, ok := table["late"].([]any)
	if !ok && table["late"] != nil {
		return "", errors.New("its runcmd.late is no list: image the card anew")
	}
	if slices.Contains(late, any(call)) {
		return text, nil
	}
	table["late"] = append(late, call)
	out, err := toml.Marshal(doc)
	return string(out), err
}
