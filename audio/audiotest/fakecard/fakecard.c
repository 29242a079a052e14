// A fake sound card for tests, with configurable clock, buffer, contents and faults: a capture PCM of ALSA's ioplug type.
//
//	gcc -shared -fPIC -DPIC -O2 -Wall -o libasound_module_pcm_fakecard.so fakecard.c -lasound -lm
//
// asound.conf names the library and the card. All fields but type have a default:
//
//	pcm_type.fakecard { lib "/path/libasound_module_pcm_fakecard.so" }
//	pcm.fake { type fakecard
//	  rate 48000        the only rate that it offers
//	  channels 1        and the only number of channels
//	  format S16        S16, S24_3 or S32
//	  buffer 1048576    the size of its buffer in frames; a period has at most half
//	  clock raw         its clock: raw, which is never adjusted, or monotonic, which time servers slew
//	  speed "0:1"       t:factor;... its speed from t seconds after the start on, relative to its rate
//	  lose ""           t:frames;... the number of frames lost from t seconds on: they never reach the buffer
//	  burst 0           frames that are available at the start
//	  wave tone         tone, loud (a tone that is cut off), faint, zero, count (frame k is k%30000+1, so that a cut shows), const:V, lsb (-1 to 1), gate (a
//	                    second of tone in twenty, and zero)
//	  starterr 0        the number of starts that fail
//	  dead 0            seconds after the start until frames stop; 0: never
//	  unplug 0          seconds after the start until it is unplugged; 0: never
//	}
//
// Frames are counted from the first start; frames lost in an overrun or otherwise are skipped in the count.

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_POINTS = 64, TICK_NS = 2000000 };

// points are values, each with its start time.
typedef struct {
	int n;
	double at[MOST_POINTS], value[MOST_POINTS];
} points;

typedef struct {
	snd_pcm_ioplug_t io;
	int timer; // wakes pollers

	long rate, channels, buffer, burst, starterr;
	snd_pcm_format_t format;
	clockid_t clock;
	points speed, lose;
	char wave[32];
	double dead, unplug;

	int started, running, failed;
	struct timespec begun;     // the first start
	unsigned long long passed; // frames that the application has read, or that an overrun took
} card;

static double since(card *c) {
	struct timespec now;
	clock_gettime(c->clock, &now);
	return (now.tv_sec - c->begun.tv_sec) + (now.tv_nsec - c->begun.tv_nsec) / 1e9;
}

// made is how many frames the card makes within some seconds after its first start.
static unsigned long long made(card *c, double now) {
	double seconds = 0, from = 0, factor = 1;
	if (c->dead > 0 && now > c->dead)
		now = c->dead;
	for (int i = 0; i < c->speed.n && c->speed.at[i] < now; i++) {
		seconds += (c->speed.at[i] - from) * factor;
		from = c->speed.at[i];
		factor = c->speed.value[i];
	}
	seconds += (now - from) * factor;
	return (unsigned long long)(seconds * c->rate) + c->burst;
}

// written is how many of them have reached the buffer by now.
static unsigned long long written(card *c) {
	double now = since(c);
	unsigned long long all = made(c, now), lost = 0;
	for (int i = 0; i < c->lose.n && c->lose.at[i] <= now; i++) {
		unsigned long long vanished = all - made(c, c->lose.at[i]), most = c->lose.value[i];
		lost += vanished < most ? vanished : most;
	}
	return all - lost;
}

// frame is the number of the n-th frame that reached the buffer.
static unsigned long long frame(card *c, unsigned long long n) {
	for (int i = 0; i < c->lose.n && n >= made(c, c->lose.at[i]); i++)
		n += (unsigned long long)c->lose.value[i];
	return n;
}

// there is the number of frames in the buffer.
static unsigned long long there(card *c) { return written(c) - c->passed; }

static int gone(card *c) { return c->unplug > 0 && c->started && since(c) > c->unplug; }

static void tick(card *c, long ns) {
	struct itimerspec every = {{0, ns}, {0, ns}};
	timerfd_settime(c->timer, 0, &every, NULL);
}

static int card_start(snd_pcm_ioplug_t *io) {
	card *c = io->private_data;
	if (gone(c))
		return -ENODEV;
	if (c->failed < c->starterr) {
		c->failed++;
		return -EIO;
	}
	if (!c->started) {
		clock_gettime(c->clock, &c->begun);
		c->started = 1;
	} else
		c->passed = written(c); // frames made while it was stopped are lost
	c->running = 1;
	tick(c, TICK_NS);
	return 0;
}

static int card_stop(snd_pcm_ioplug_t *io) {
	card *c = io->private_data;
	c->running = 0;
	tick(c, 0);
	return 0;
}

static int card_prepare(snd_pcm_ioplug_t *io) {
	card *c = io->private_data;
	c->running = 0;
	return 0;
}

// card_pointer is the card's write position in the buffer.
static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io) {
	card *c = io->private_data;
	if (!c->running)
		return 0;
	if (gone(c))
		return -ENODEV;
	unsigned long long n = there(c);
	if (n > io->buffer_size)
		return -EPIPE;
	return (io->appl_ptr + n) % io->buffer_size;
}

static int sample(card *c, unsigned long long n) {
	double t = (double)n / c->rate;
	int tone = (int)(8000 * sin(2 * M_PI * 440 * t));
	if (!strcmp(c->wave, "count"))
		return (int)(n % 30000) + 1;
	if (!strncmp(c->wave, "const:", 6))
		return atoi(c->wave + 6);
	if (!strcmp(c->wave, "lsb"))
		return rand() % 3 - 1;
	if (!strcmp(c->wave, "gate"))
		return fmod(t, 20) < 1 ? tone : 0;
	if (!strcmp(c->wave, "faint"))
		return tone / 1000;
	if (!strcmp(c->wave, "loud"))
		return tone > 4000 ? 32767 : tone < -4000 ? -32768 : 8 * tone;
	return strcmp(c->wave, "zero") ? tone : 0;
}

static void put(card *c, char *to, int v) {
	short s16 = v;
	int wide = c->format == SND_PCM_FORMAT_S32 ? v * 65536 : v * 256;
	switch (c->format) {
	case SND_PCM_FORMAT_S16:
		memcpy(to, &s16, 2);
		break;
	case SND_PCM_FORMAT_S32:
		memcpy(to, &wide, 4);
		break;
	default:
		memcpy(to, &wide, 3);
	}
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset,
                                       snd_pcm_uframes_t size) {
	card *c = io->private_data;
	if (gone(c))
		return -ENODEV;
	for (snd_pcm_uframes_t i = 0; i < size; i++) {
		int v = sample(c, frame(c, c->passed + i));
		for (long j = 0; j < c->channels; j++)
			put(c, (char *)areas[j].addr + (areas[j].first + (offset + i) * areas[j].step) / 8, v);
	}
	c->passed += size;
	return size;
}

static int card_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned n, unsigned short *revents) {
	card *c = io->private_data;
	unsigned long long ticks;
	*revents = 0;
	if (gone(c))
		*revents = POLLERR;
	else if (c->running && there(c) >= io->period_size)
		*revents = POLLIN; // the timer stays readable, as a card with frames does
	else if (read(c->timer, &ticks, sizeof ticks) < 0)
		ticks = 0;
	return 0;
}

static int card_close(snd_pcm_ioplug_t *io) {
	card *c = io->private_data;
	close(c->timer);
	free(c);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = card_start,
	.stop = card_stop,
	.prepare = card_prepare,
	.pointer = card_pointer,
	.transfer = card_transfer,
	.poll_revents = card_revents,
	.close = card_close,
};

// parse reads t:value;t:value;...
static int parse(points *p, const char *text) {
	for (p->n = 0; *text && p->n < MOST_POINTS; p->n++) {
		int used = 0;
		if (sscanf(text, "%lf:%lf%n", &p->at[p->n], &p->value[p->n], &used) != 2)
			return -EINVAL;
		text += used;
		text += *text == ';';
	}
	return *text ? -EINVAL : 0;
}

static int field(card *c, const char *name, const char *value) {
	if (!strcmp(name, "comment") || !strcmp(name, "type") || !strcmp(name, "hint"))
		return 0;
	if (!strcmp(name, "speed"))
		return parse(&c->speed, value);
	if (!strcmp(name, "lose"))
		return parse(&c->lose, value);
	if (!strcmp(name, "wave"))
		strncpy(c->wave, value, sizeof c->wave - 1);
	else if (!strcmp(name, "format"))
		c->format = !strcmp(value, "S32") ? SND_PCM_FORMAT_S32 : !strcmp(value, "S24_3") ? SND_PCM_FORMAT_S24_3LE : SND_PCM_FORMAT_S16;
	else if (!strcmp(name, "clock"))
		c->clock = !strcmp(value, "monotonic") ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_RAW;
	else if (!strcmp(name, "rate"))
		c->rate = atol(value);
	else if (!strcmp(name, "channels"))
		c->channels = atol(value);
	else if (!strcmp(name, "buffer"))
		c->buffer = atol(value);
	else if (!strcmp(name, "burst"))
		c->burst = atol(value);
	else if (!strcmp(name, "starterr"))
		c->starterr = atol(value);
	else if (!strcmp(name, "dead"))
		c->dead = atof(value);
	else if (!strcmp(name, "unplug"))
		c->unplug = atof(value);
	else {
		SNDERR("fakecard knows no field %s", name);
		return -EINVAL;
	}
	return 0;
}

static int configure(card *c, snd_config_t *conf) {
	snd_config_iterator_t i, next;
	snd_config_for_each(i, next, conf) {
		snd_config_t *n = snd_config_iterator_entry(i);
		const char *id;
		char *value;
		if (snd_config_get_id(n, &id) < 0 || snd_config_get_ascii(n, &value) < 0)
			continue;
		int err = field(c, id, value);
		free(value);
		if (err < 0)
			return err;
	}
	return 0;
}

static int constrain(card *c) {
	unsigned access[] = {SND_PCM_ACCESS_MMAP_INTERLEAVED, SND_PCM_ACCESS_RW_INTERLEAVED};
	unsigned format[] = {c->format};
	unsigned bytes = c->channels * snd_pcm_format_physical_width(c->format) / 8;
	int err = snd_pcm_ioplug_set_param_list(&c->io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_list(&c->io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_CHANNELS, c->channels, c->channels);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_RATE, c->rate, c->rate);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64 * bytes, c->buffer / 2 * bytes);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 128 * bytes, c->buffer * bytes);
	return err;
}

SND_PCM_PLUGIN_DEFINE_FUNC(fakecard) {
	card *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->rate = 48000;
	c->channels = 1;
	c->format = SND_PCM_FORMAT_S16;
	c->buffer = 1 << 20;
	c->clock = CLOCK_MONOTONIC_RAW;
	strcpy(c->wave, "tone");
	int err = configure(c, conf);
	if (err < 0) {
		free(c);
		return err;
	}
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	c->io.version = SND_PCM_IOPLUG_VERSION;
	c->io.name = "fakecard";
	c->io.callback = &callbacks;
	c->io.private_data = c;
	c->io.poll_fd = c->timer;
	c->io.poll_events = POLLIN;
	if ((err = snd_pcm_ioplug_create(&c->io, name, stream, mode)) < 0) {
		close(c->timer);
		free(c);
		return err;
	}
	if ((err = constrain(c)) < 0) {
		snd_pcm_ioplug_delete(&c->io);
		return err;
	}
	*pcmp = c->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(fakecard);
