package provision

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// Files of the three formats.
const (
	firstRun    = "firstrun.sh"
	cmdLine     = "cmdline.txt"
	userData    = "user-data"
	preseedFile = "rpi-preseed.toml"
)

// installer is the script that the image's first boot runs.
const installer = "/boot/firmware/tacet/install"

// callLine is the line for firstrun.sh. The boot partition may be mounted in either place, and an
// error of the installer must not stop the rest of the script.
const callLine = `for d in /boot/firmware /boot; do [ ! -f "$d/tacet/install" ] || { sh "$d/tacet/install"; break; }; done # tacet`

// ownRun is firstrun.sh if Imager wrote none.
const ownRun = `#!/bin/bash
set +e
` + callLine + `
rm -f /boot/firstrun.sh
sed -i 's| systemd[.][^ ]*||g' /boot/cmdline.txt
exit 0
`

// runArgs make systemd run firstrun.sh, and then reboot.
const runArgs = " systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"

// hookSystemd makes firstrun.sh run the installer before everything else.
func (c *Card) hookSystemd() error {
	script, err := c.text(firstRun)
	if err != nil {
		return err
	}
	switch {
	case script == "":
		script = ownRun
	case strings.Contains(script, callLine): // an earlier run added it
	case !strings.HasPrefix(script, "#!"):
		return fmt.Errorf("%s is not a script: write the image again", firstRun)
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
		return fmt.Errorf("%s must have exactly one line: write the image again", cmdLine)
	}
	return c.put(cmdLine, []byte(line+runArgs+"\n"))
}

// hookCloudInit adds a command to user-data, and keeps everything else, including comments.
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
	if !c.has("meta-data") { // cloud-init needs both files
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
		return "", fmt.Errorf("not valid YAML: %w; write the image again", err)
	}
	empty := len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" // nothing but comments
	if !strings.HasPrefix(text, cloudHeader) {
		if !empty {
			return "", errors.New("does not start with " + cloudHeader + ": write the image again, with Raspberry Pi Imager 2")
		}
		text = cloudHeader + "\n" + text
	}
	if empty {
		return strings.TrimRight(text, "\n") + "\nruncmd:\n- [sh, " + installer + "]\n", nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return "", errors.New("is not a mapping of settings: write the image again")
	}
	for i := 0; i < len(top.Content); i += 2 {
		if top.Content[i].Value != "runcmd" {
			continue
		}
		return addCommand(text, &doc, top.Content[i+1])
	}
	return strings.TrimRight(text, "\n") + "\nruncmd:\n- [sh, " + installer + "]\n", nil
}

// addCommand adds the installer to the runcmd of user-data, unless an earlier run has.
func addCommand(text string, doc, list *yaml.Node) (string, error) {
	if list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		*list = yaml.Node{Kind: yaml.SequenceNode}
	}
	if list.Kind != yaml.SequenceNode {
		return "", errors.New("runcmd is not a list: write the image again")
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
		return "", fmt.Errorf("not valid TOML: %w; write the image again", err)
	}
	if len(doc) == 0 {
		text = "config_version = 1\n" + text
		doc["config_version"] = int64(1)
	}
	runcmd, there := doc["runcmd"]
	if !there { // append, to keep the text that Imager wrote
		return strings.TrimRight(text, "\n") + "\n\n[runcmd]\nlate = [\"" + call + "\"]\n", nil
	}
	table, ok := runcmd.(map[string]any)
	if !ok {
		return "", errors.New("runcmd is not a section: write the image again")
	}
	late, ok := table["late"].([]any)
	if !ok && table["late"] != nil {
		return "", errors.New("runcmd.late is not a list: write the image again")
	}
	if slices.Contains(late, any(call)) {
		return text, nil
	}
	table["late"] = append(late, call)
	out, err := toml.Marshal(doc)
	return string(out), err
}
