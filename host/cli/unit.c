/* SPDX-License-Identifier: ISC */
/*
 * What an image's own seal leaves to be closed is closed by the manager, too. With a socket, the manager listens, and
 * systemd-socket-proxyd(8) hands connections on: to the appliance in a network of its own that has nothing but a loopback
 * interface, so that nobody else reaches it, nor it anybody.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <builder/value.h>
#include <cli/output.h>
#include <cli/unit.h>
#include <standby/standby.h>
#include <tender/device/publish.h>

#define PROXY          "systemd-socket-proxyd"
#define INNER_LOW      10000u /* added to a port below 1024: nobody needs a right for it inside */
#define STOP_SECONDS   15u    /* until a unit that is to stop is killed */
#define STOP_BESIDE    5u     /* beside --stop-timeout */
#define STATES_SECONDS 300u   /* where states are written first */
#define MEMORY_BESIDE                                                                              \
	(128u << 20) /* of a run, beside its heap: stacks, frames, the tender, passt */

/* A word of ExecStart= (systemd.service(5), Command lines): quoted where it must be, % and $ doubled. */
static void put_word(struct text *t, const char *word)
{
	bool plain =
	        *word &&
	        strspn(word,
	               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:=/@+-") ==
	                strlen(word);
	text_add(t, " ");
	if (plain) {
		text_add(t, "%s", word);
		return;
	}
	text_add(t, "\"");
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			text_add(t, "\\");
		if (*word == '%' || *word == '$')
			text_add(t, "%c", *word);
		if (*word == '\n')
			text_add(t, "\\n");
		else
			text_add(t, "%c", *word);
	}
	text_add(t, "\"");
}

static uint16_t inner(uint16_t port)
{
	return port < 1024 ? (uint16_t)(port + INNER_LOW) : port;
}

/* A word for ExecStart=: a secret's file becomes a credential, and a published port one of the inner network. */
static const char *inner_word(const struct unit *u, const char *word)
{
	struct publish p;
	struct defect why;
	if (begins(word, "--set=") && strstr(word, "=@"))
		return NULL;
	if (!u->socket || !begins(word, "--publish="))
		return word;
	if (publish_parse(&p, word + 10, &why))
		die(AMP_EXIT_USAGE, "-p %s", why.text);
	if (p.first == p.last)
		return keep_format("--publish=127.0.0.1:%u:%u", inner(p.first), p.to);
	return keep_format("--publish=127.0.0.1:%u-%u:%u-%u", inner(p.first),
	                   inner(p.first) + (p.last - p.first), p.to, p.to + (p.last - p.first));
}

static void put_secrets(const struct unit *u, struct text *t)
{
	bool any = false;
	for (unsigned i = 0; i < u->count; i++) {
		const char *word = u->words[i], *file = strstr(word, "=@");
		char path[PATH_MAX];
		if (!begins(word, "--set=") || !file)
			continue;
		if (!realpath(file + 2, path))
			die(AMP_EXIT_USAGE, "%s: %s", file + 2, strerror(errno));
		text_add(t, "LoadCredential=ampoule.%.*s:%s\n", (int)(file - word - 6), word + 6,
		         path);
		any = true;
	}
	if (!any)
		text_add(t, "# A secret: the image's argument NAME is what the file holds.\n"
		            "#LoadCredential=ampoule.NAME:/etc/ampoule/NAME\n");
}

#define TASKS      64u /* of one, with what it starts */
#define TASKS_EACH 4u  /* of one who is awake */

/* A waker's: of all who may be awake at once. */
static uint64_t tasks_of(const struct unit *u)
{
	uint64_t awake = STANDBY_AWAKE_MAX;
	if (!u->standby)
		return TASKS;
	for (unsigned i = 0; i < u->count; i++)
		if (begins(u->words[i], "--awake="))
			awake = strtoull(u->words[i] + 8, NULL, 10);
	return TASKS + awake * TASKS_EACH;
}

static void put_limits(const struct unit *u, struct text *t)
{
	uint64_t bytes;
	if (u->memory && !u->standby && !value_parse(AMP_ARG_SIZE, u->memory, &bytes))
		text_add(t, "MemoryMax=%lluM\n",
		         (unsigned long long)((bytes + MEMORY_BESIDE) >> 20));
	else
		text_add(t, "# The heap is --memory's; this bounds all of it.\n#MemoryMax=256M\n");
	if (u->cpus)
		text_add(t, "CPUQuota=%.0f%%\n", atof(u->cpus) * 100);
	else
		text_add(t, "#CPUQuota=100%%\n");
	text_add(t, "TasksMax=%llu\nLimitNOFILE=65536\n", (unsigned long long)tasks_of(u));
}

/* What both the appliance and its proxy do without. */
static void put_hardening(const struct unit *u, struct text *t)
{
	/* These take capabilities away, which a user's own manager may not: it would not start the service. */
	if (!u->user)
		text_add(t, "ProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectClock=yes\n");
	text_add(t, "NoNewPrivileges=yes\nProtectSystem=strict\nPrivateTmp=yes\nPrivateMounts=yes\n"
	            "ProtectKernelTunables=yes\n"
	            "ProtectControlGroups=yes\nProtectHostname=yes\nProtectProc=invisible\n"
	            "RestrictRealtime=yes\nRestrictSUIDSGID=yes\nLockPersonality=yes\nRemoveIPC="
	            "yes\nUMask=0077\n"
	            "SystemCallArchitectures=native\nSystemCallErrorNumber=EPERM\n");
}

static void put_image(const struct unit *u, struct text *t)
{
	if (u->template) {
		text_add(t,
		         " $OPTIONS -- %s\n"
		         "# OPTIONS=-p 8080:80 --memory 64M\n"
		         "EnvironmentFile=-" UNIT_OPTIONS "/%%i.conf\n"
		         "# Data of its own, where paths of its options begin: --block data=disk\n"
		         "StateDirectory=ampoule/%%i\nWorkingDirectory=%%S/ampoule/%%i\n",
		         u->image);
		return;
	}
	if (!u->file)
		text_add(t, " --");
	for (unsigned i = 0; i < u->image_count; i++)
		put_word(t, u->images[i]);
	if (!u->standby)
		put_word(t, u->image);
	/* The unit's user may have no way into it; then there is nothing in it for that user, either. */
	text_add(t, "\nWorkingDirectory=-%s\n", u->folder);
}

static void put_user(const struct unit *u, const struct unit_needs *n, struct text *t)
{
	const uid_t owner = unit_owner(u);
	const struct passwd *who = owner == UNIT_NOBODY ? NULL : getpwuid(owner);
	if (u->user || n->root || !owner)
		return;
	if (owner == UNIT_NOBODY)
		text_add(t, "DynamicUser=yes\n");
	else if (who)
		text_add(t, "User=%s\n", who->pw_name);
	else
		text_add(t, "User=%u\n", (unsigned)owner);
}

/* A file of --block; of several that differ by a number, their folder. */
static void put_block(const char *file, struct text *t)
{
	char path[PATH_MAX];
	char *own = keep_format("%.*s", (int)strcspn(file, ","), file);
	char *brace = strchr(own, '{');
	if (brace) {
		*brace = 0;
		char *slash = strrchr(own, '/');
		own = slash ? keep_format("%.*s/", (int)(slash - own), own) : keep_format(".");
	}
	if (realpath(own, path))
		text_add(t, "ReadWritePaths=%s\n", path);
}

/* What may be written to, and whether states are among that. */
static bool put_files(const struct unit *u, struct text *t)
{
	bool has_states = false;
	const char *word;
	for (unsigned i = 0; (word = unit_word(u, i)); i++) {
		const char *file = begins(word, "--block=") ? strchr(word + 8, '=') : NULL;
		if (file)
			put_block(file + 1, t);
		if (!begins(word, "--keep-state="))
			continue;
		text_add(t, "ReadWritePaths=%s\n", word + 13);
		has_states = true;
	}
	return has_states;
}

/* No sooner than the appliance's own --stop-timeout would. */
static void put_stop(const struct unit *u, bool has_states, struct text *t)
{
	uint64_t seconds = STOP_SECONDS, ns;
	const char *word;
	for (unsigned i = 0; (word = unit_word(u, i)); i++)
		if (begins(word, "--stop-timeout=") &&
		    !value_parse(AMP_ARG_DURATION, word + 15, &ns) &&
		    ns / 1000000000 + STOP_BESIDE > seconds)
			seconds = ns / 1000000000 + STOP_BESIDE;
	if (has_states)
		text_add(t, "# All who are awake write their states.\n");
	text_add(t, "TimeoutStopSec=%llu\n",
	         (unsigned long long)(has_states && seconds < STATES_SECONDS ? STATES_SECONDS
	                                                                     : seconds));
}

static void put_service(const struct unit *u, struct text *t)
{
	const char *command = getenv("AMPOULE_COMMAND"), *slash = strrchr(u->image, '/');
	const struct unit_needs n = unit_needs(u);
	text_add(t, "[Unit]\nDescription=%s %s\n", u->standby ? "Standbys of" : "Appliance",
	         slash ? slash + 1 : u->image);
	if (u->template)
		text_add(t, "AssertPathExists=%s\n", u->image);
	text_add(t, u->socket
	                    ? "# Nobody needs it once its proxy has ended.\nStopWhenUnneeded=yes\n"
	                    : "After=network-online.target\nWants=network-online.target\n");
	text_add(t, "\n[Service]\nType=notify\nNotifyAccess=all\nExecStart=%s %s",
	         command ? command : "/usr/bin/ampoule",
	         u->standby    ? "standby"
	         : u->snapshot ? "clone"
	                       : "run");
	for (unsigned i = 0; i < u->count; i++) {
		const char *word = inner_word(u, u->words[i]);
		if (word)
			put_word(t, word);
	}
	put_image(u, t);
	const bool has_states = put_files(u, t);
	text_add(t, "Restart=%s\nRestartSec=100ms\nKillMode=mixed\n", u->restart);
	put_stop(u, has_states, t);
	if (u->watchdog)
		text_add(t,
		         "# The image's event loop has turned within this time, or it is started "
		         "anew.\nWatchdogSec=%s\n",
		         u->watchdog);
	put_secrets(u, t);
	text_add(t, "\n");
	put_limits(u, t);
	text_add(t, "\n");
	put_user(u, &n, t);
	if (u->socket)
		text_add(t, "PrivateNetwork=yes\n");
	bool low = n.low_port && !u->socket && !n.root;
	if (!u->user)
		text_add(t, "CapabilityBoundingSet=%s\nAmbientCapabilities=%s\n",
		         n.root ? "CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN CAP_BPF CAP_SYS_CHROOT "
		                  "CAP_SETUID "
		                  "CAP_SETGID CAP_KILL"
		         : low  ? "CAP_NET_BIND_SERVICE"
		                : "",
		         low ? "CAP_NET_BIND_SERVICE" : "");
	if (u->template)
		text_add(t, "# For -p of a port below 1024, in `systemctl edit`:\n"
		            "#CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
		            "#AmbientCapabilities=CAP_NET_BIND_SERVICE\n");
	put_hardening(u, t);
	text_add(t, "ProtectHome=read-only\nRestrictNamespaces=~cgroup\nDevicePolicy="
	            "closed\nDeviceAllow=/dev/kvm rw\n");
	if (n.tun)
		text_add(t, "DeviceAllow=/dev/net/tun rw\n");
	/* A template goes to other machines, too: udev makes the group, and so does our package. */
	if (!u->user && !n.root && (u->template || getgrnam("kvm")))
		text_add(t, "SupplementaryGroups=kvm\n");
	/* Beyond a service's: what passt and a jail shut themselves in by, and how the sandbox watches its child. */
	text_add(t,
	         "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK%s\n"
	         "SystemCallFilter=@system-service @mount seccomp landlock_create_ruleset "
	         "landlock_add_rule landlock_restrict_self ptrace process_vm_readv "
	         "process_vm_writev%s\n",
	         n.root ? " AF_PACKET AF_XDP" : "", n.root ? " bpf" : "");
	if (!u->socket)
		text_add(t, "\n[Install]\nWantedBy=%s\n",
		         u->user ? "default.target" : "multi-user.target");
}

static const char *proxy_path(void)
{
	static const char *const places[] = { "/usr/lib/systemd/" PROXY, "/lib/systemd/" PROXY };
	return places[access(places[0], X_OK) && !access(places[1], X_OK)];
}

static unsigned listed_ports(const struct unit *u, struct text *t, unsigned which)
{
	unsigned count = 0;
	for (unsigned i = 0; i < u->count; i++) {
		struct publish p;
		struct defect why;
		if (!begins(u->words[i], "--publish="))
			continue;
		if (publish_parse(&p, u->words[i] + 10, &why))
			die(AMP_EXIT_USAGE, "-p %s", why.text);
		if (p.udp || p.first != p.last)
			die(AMP_EXIT_USAGE, "--socket takes single TCP ports: -p %s is %s",
			    u->words[i] + 10, p.udp ? "of UDP" : "a range");
		count++;
		char address[PUBLISH_ADDRESS_MAX];
		bool six = p.address.family == NET_IP6;
		if (t && *publish_address(&p, address))
			text_add(t, "ListenStream=%s%s%s:%u\n", six ? "[" : "", address,
			         six ? "]" : "", p.first);
		else if (t)
			text_add(t, "ListenStream=%u\n", p.first);
		if (count == which + 1)
			return p.first;
	}
	return count;
}

static void put_socket(const struct unit *u, struct text *t)
{
	text_add(t, "[Unit]\nDescription=Ports of %s\n\n[Socket]\n", u->name);
	listed_ports(u, t, UINT_MAX - 1);
	text_add(t, "Service=%s-proxy.service\nNoDelay=yes\n\n[Install]\nWantedBy=sockets.target\n",
	         u->name);
}

static void put_proxy(const struct unit *u, struct text *t)
{
	text_add(t,
	         "[Unit]\nDescription=Connections for %s\nRequires=%s.service "
	         "%s.socket\nAfter=%s.service "
	         "%s.socket\nJoinsNamespaceOf=%s.service\n\n[Service]\n"
	         "# It does not say that it is ready, though its manual has "
	         "Type=notify.\nType=exec\n"
	         "# With --exit-idle-time=5min (generate --idle 5m) it ends when nobody is "
	         "connected, and "
	         "the appliance with it.\n"
	         "ExecStart=%s%s%s 127.0.0.1:%u\n",
	         u->name, u->name, u->name, u->name, u->name, u->name, proxy_path(),
	         u->idle ? " --exit-idle-time=" : "", u->idle ? u->idle : "",
	         inner((uint16_t)listed_ports(u, NULL, 0)));
	if (!u->user)
		text_add(t, "DynamicUser=yes\nCapabilityBoundingSet=\n");
	text_add(t, "PrivateNetwork=yes\nPrivateDevices=yes\nProtectHome=yes\n");
	put_hardening(u, t);
	text_add(t, "RestrictNamespaces=yes\nMemoryDenyWriteExecute=yes\n"
	            "RestrictAddressFamilies=AF_UNIX AF_INET "
	            "AF_INET6\nSystemCallFilter=@system-service\n"
	            "SystemCallFilter=~@privileged @resources\n");
}

int unit_print(const struct unit *u, const char *folder)
{
	static const struct {
		const char *suffix;
		void (*put)(const struct unit *, struct text *);
		bool socket;
	} kinds[] = { { ".socket", put_socket, true },
		      { "-proxy.service", put_proxy, true },
		      { ".service", put_service, false } };
	const char *place = u->user ? "~/.config/systemd/user" : "/etc/systemd/system",
	           *manager = u->user ? "--user " : "";
	if (u->socket && listed_ports(u, NULL, UINT_MAX - 1) != 1)
		die(AMP_EXIT_USAGE, "--socket wants exactly one -p: a proxy leads to one port");
	const uid_t owner = u->template ? UNIT_NOBODY : unit_owner(u);
	if (!u->user && !u->template && !unit_needs(u).root && owner &&
	    !unit_may_read(u->image, owner))
		tell("%s: the unit's own user may not read it: put it where all may, "
		     "as " UNIT_IMAGES,
		     u->image);
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct text t = { 0 };
		if (kinds[i].socket && !u->socket)
			continue;
		const char *at = u->template ? "@" : "";
		const char *file = keep_format("%s%s%s", u->name, at, kinds[i].suffix);
		text_add(&t,
		         "# %s/%s, made by `ampoule generate systemd`; then\n"
		         "# systemctl %sdaemon-reload && systemctl %senable --now %s%s%s\n",
		         place, file, manager, manager, u->name, u->template ? "@NAME" : "",
		         u->socket ? ".socket" : "");
		kinds[i].put(u, &t);
		if (!folder) {
			fwrite(t.s, 1, t.size, stdout);
			if (kinds[i].socket)
				putchar('\n');
			continue;
		}
		const char *path = keep_format("%s/%s", folder, file);
		if (!file_write(path, t.s, t.size, 0644)) {
			tell("cannot write %s: %s", path, strerror(errno));
			return AMP_EXIT_TENDER;
		}
		puts(path);
	}
	return 0;
}
