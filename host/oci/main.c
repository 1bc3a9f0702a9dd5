/* SPDX-License-Identifier: ISC */
/* `ampoule oci`, and ampoule-oci for engines: the verbs of the OCI runtime command line interface, as runc has them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/output.h>
#include <oci/container.h>
#include <oci/log.h>
#include <oci/spaces.h>

static const char help[] =
        "usage: ampoule oci [OPTION...] VERB [ARGUMENT...]\n\n"
        "Runs images as containers, by the OCI runtime specification: for Podman, containerd and "
        "what is built on them.\n"
        "\n"
        "  create [-b BUNDLE] [--pid-file FILE] [--console-socket SOCKET] ID\n"
        "  start ID\n"
        "  run [-d] [the options of create] ID\n"
        "  state ID\n"
        "  kill ID [SIGNAL]            TERM by default; a name or a number\n"
        "  delete [-f] ID              -f: ends it first\n"
        "  list [-q] [-f table|json]\n"
        "  ps ID                       the container's process\n"
        "  features\n"
        "\n"
        "  --root FOLDER               where states are; default: /run/ampoule-oci, or in "
        "XDG_RUNTIME_DIR\n"
        "  --log FILE                  errors are appended to it, too\n"
        "  --log-format text|json\n"
        "  --systemd-cgroup            linux.cgroupsPath is SLICE:PREFIX:NAME\n"
        "  --help                      this text\n"
        "  --version\n";

struct call {
	struct container_wish wish;
	char root[4096];
	bool force, quiet, detach, as_json, all;
	int count;
	char **words; /* behind options, the ID first */
};

static int usage(const char *what, const char *value)
{
	struct defect why;
	defect_set(&why, "%s%s; try `ampoule oci --help`", what, value);
	log_error(why.text);
	return AMP_EXIT_USAGE;
}

static int told(int failed, const struct defect *why)
{
	if (failed)
		log_error(why->text);
	return failed ? 1 : 0;
}

/* ---- Verbs ---- */

static int do_create(struct call *c)
{
	struct defect why;
	pid_t pid;
	return told(container_create(&c->wish, &pid, &why), &why);
}

static int do_start(struct call *c)
{
	struct defect why;
	return told(container_start(c->root, c->wish.id, &why), &why);
}

static void pass_on_signals(sigset_t *set)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGCHLD };
	sigemptyset(set);
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		sigaddset(set, all[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int wait_for(pid_t pid, const sigset_t *set)
{
	int status;
	for (;;) {
		int signal = sigwaitinfo(set, NULL);
		if (signal > 0 && signal != SIGCHLD)
			kill(pid, signal);
		if (signal == SIGCHLD && waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static int do_run(struct call *c)
{
	struct defect why;
	sigset_t set;
	pid_t pid;
	c->wish.own_terminal = !c->detach && !c->wish.console;
	pass_on_signals(&set);
	if (container_create(&c->wish, &pid, &why))
		return told(-1, &why);
	int failed = container_start(c->root, c->wish.id, &why);
	if (!failed && c->detach)
		return 0;
	int status = failed ? 1 : wait_for(pid, &set);
	if (failed)
		told(failed, &why);
	if (container_delete(c->root, c->wish.id, true, &why))
		told(-1, &why);
	return status;
}

static int do_state(struct call *c)
{
	struct defect why;
	struct state s;
	int failed = state_look(&s, c->root, c->wish.id, &why);
	if (!failed) {
		json_t *o = state_told(&s);
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
	}
	state_close(&s);
	return told(failed, &why);
}

static int signal_of(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (end != text && !*end)
		return n >= 0 && n <= SIGRTMAX ? (int)n : -1;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);
		if (name && !strcasecmp(name, text))
			return i;
	}
	if (!strncasecmp(text, "RTMIN+", 6) && (n = strtol(text + 6, &end, 10), !*end) && n >= 0 &&
	    n <= SIGRTMAX - SIGRTMIN)
		return SIGRTMIN + (int)n;
	return -1;
}

static int do_kill(struct call *c)
{
	struct defect why;
	int signal = c->count > 1 ? signal_of(c->words[1]) : SIGTERM;
	if (signal < 0)
		return usage("kill: no such signal: ", c->words[1]);
	return told(container_kill(c->root, c->wish.id, signal, c->all, &why), &why);
}

static int do_delete(struct call *c)
{
	struct defect why = { "no such ID" };
	return told(container_delete(c->root, c->wish.id, c->force, &why), &why);
}

static int do_list(struct call *c)
{
	struct dirent **names;
	int n = scandir(c->root, &names, NULL, alphasort);
	json_t *all = json_array();
	if (!c->quiet && !c->as_json)
		printf("%-24s %-8s %-9s %-21s %s\n", "ID", "PID", "STATUS", "CREATED", "BUNDLE");
	for (int i = 0; i < n; i++) {
		struct defect why;
		struct state s;
		if (!state_is_id(names[i]->d_name) ||
		    state_look(&s, c->root, names[i]->d_name, &why)) {
			free(names[i]);
			continue;
		}
		json_t *o = state_told(&s);
		const char *created = json_string_value(json_object_get(o, "created"));
		if (c->quiet)
			puts(s.id);
		else if (!c->as_json)
			printf("%-24s %-8d %-9s %-21s %s\n", s.id, (int)s.pid,
			       status_names[s.status], created ? created : "-",
			       json_string_value(json_object_get(o, "bundle")));
		json_array_append_new(all, o);
		state_close(&s);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (c->as_json && !c->quiet) {
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
	}
	json_decref(all);
	return 0;
}

static int do_ps(struct call *c)
{
	struct defect why;
	struct state s;
	int failed = state_look(&s, c->root, c->wish.id, &why);
	if (!failed && s.status == STOPPED)
		failed = defect_set(&why, "container not running: %s", c->wish.id);
	if (!failed)
		printf("[%d]\n", (int)s.pid);
	state_close(&s);
	return told(failed, &why);
}

static int do_features(struct call *c)
{
	(void)c;
	json_t *o = json_pack(
	        "{s:s, s:s, s:[s,s,s,s,s,s], s:[s,s,s], s:{s:[s,s,s], s:{s:b,s:b,s:b,s:b,s:b}, "
	        "s:{s:b}, s:{s:b}, s:{s:b}}, s:{s:s}}",
	        "ociVersionMin", "1.0.0", "ociVersionMax", "1.0.2", "hooks", "prestart",
	        "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
	        "mountOptions", "ro", "rro", "rw", "linux", "namespaces", "network", "ipc", "uts",
	        "cgroup", "v1", 1, "v2", 1, "systemd", 0, "systemdUser", 0, "rdma", 0, "seccomp",
	        "enabled", 0, "apparmor", "enabled", 0, "selinux", "enabled", 0, "annotations",
	        "org.ampoule.version", AMPOULE_VERSION);
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
	return 0;
}

static const struct verb {
	const char *name;
	int (*run)(struct call *);
	bool takes_id;
	const char *refused; /* why it is not done */
} verbs[] = {
	{ "create", do_create, true, NULL },
	{ "start", do_start, true, NULL },
	{ "run", do_run, true, NULL },
	{ "state", do_state, true, NULL },
	{ "kill", do_kill, true, NULL },
	{ "delete", do_delete, true, NULL },
	{ "list", do_list, false, NULL },
	{ "ps", do_ps, true, NULL },
	{ "features", do_features, false, NULL },
	{ "exec", NULL, false,
	  "an image is one sealed program: there is no other in it to be run" },
	{ "pause", NULL, false,
	  "a container of an image is not paused: stop it, and start it again" },
	{ "resume", NULL, false, "a container of an image is never paused" },
	{ "checkpoint", NULL, false, "a running image is not written to disk" },
	{ "restore", NULL, false, "a running image is not written to disk" },
	{ "update", NULL, false, "limits are set when a container is created" },
	{ "events", NULL, false, "the control group tells what a container uses" },
};

/* ---- The command line ---- */

enum { OPTION_ROOT = 256, LOG, LOG_FORMAT, SYSTEMD, PID_FILE, CONSOLE, IGNORED, HELP, VERSION };

static const struct option global_options[] = {
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "log", required_argument, NULL, LOG },
	{ "log-format", required_argument, NULL, LOG_FORMAT },
	{ "systemd-cgroup", no_argument, NULL, SYSTEMD },
	{ "debug", no_argument, NULL, IGNORED },
	{ "rootless", required_argument, NULL, IGNORED },
	{ "cgroup-manager", required_argument, NULL, IGNORED },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ 0 }
};
static const struct option verb_options[] = { { "bundle", required_argument, NULL, 'b' },
	                                      { "pid-file", required_argument, NULL, PID_FILE },
	                                      { "console-socket", required_argument, NULL,
	                                        CONSOLE },
	                                      { "no-pivot", no_argument, NULL, IGNORED },
	                                      { "no-new-keyring", no_argument, NULL, IGNORED },
	                                      { "preserve-fds", required_argument, NULL, IGNORED },
	                                      { "all", no_argument, NULL, 'a' },
	                                      { "detach", no_argument, NULL, 'd' },
	                                      { "force", no_argument, NULL, 'F' },
	                                      { "quiet", no_argument, NULL, 'q' },
	                                      { "format", required_argument, NULL, 'f' },
	                                      { "help", no_argument, NULL, HELP },
	                                      { 0 } };

static int read_global(struct call *c, int argc, char **argv)
{
	const char *log = NULL;
	bool json = false;
	for (int o; (o = getopt_long(argc, argv, "+:hv", global_options, NULL)) != -1;)
		switch (o) {
		case OPTION_ROOT:
			if (!*optarg || strlen(optarg) >= sizeof c->root)
				return usage("--root wants a folder", "");
			strcpy(c->root, optarg);
			break;
		case LOG:
			log = optarg;
			break;
		case LOG_FORMAT:
			json = !strcmp(optarg, "json");
			if (!json && strcmp(optarg, "text") != 0)
				return usage("--log-format is text or json, not ", optarg);
			break;
		case SYSTEMD:
			c->wish.systemd = true;
			break;
		case 'h':
		case HELP:
			fputs(help, stdout);
			exit(0);
		case 'v':
		case VERSION:
			printf("ampoule-oci version " AMPOULE_VERSION "\nspec: 1.0.2\n");
			exit(0);
		case IGNORED:
			break;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			return usage("unknown option ", argv[optind - 1]);
		}
	log_to(log, json);
	return 0;
}

static int read_verb(struct call *c, int argc, char **argv)
{
	/* `delete -f` is a word alone, `list -f` has a value: as runc has them. */
	bool lists = !strcmp(argv[0], "list") || !strcmp(argv[0], "ps");
	optind = 0;
	for (int o;
	     (o = getopt_long(argc, argv, lists ? ":qf:h" : ":b:adfh", verb_options, NULL)) != -1;)
		switch (o) {
		case 'b':
			c->wish.bundle = optarg;
			break;
		case PID_FILE:
			c->wish.pid_file = optarg;
			break;
		case CONSOLE:
			c->wish.console = optarg;
			break;
		case 'd':
			c->detach = true;
			break;
		case 'f':
			c->force = !lists;
			c->as_json = lists && optarg && !strcmp(optarg, "json");
			if (lists && !c->as_json && strcmp(optarg, "table") != 0)
				return usage("--format is table or json, not ", optarg);
			break;
		case 'F':
			c->force = true;
			break;
		case 'q':
			c->quiet = true;
			break;
		case 'a':
			c->all = true;
			break;
		case IGNORED:
			break;
		case 'h':
		case HELP:
			fputs(help, stdout);
			exit(0);
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			return usage("unknown option ", argv[optind - 1]);
		}
	c->count = argc - optind;
	c->words = argv + optind;
	return 0;
}

static void default_root(struct call *c)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (geteuid() && runtime && *runtime == '/')
		snprintf(c->root, sizeof c->root, "%s/ampoule-oci", runtime);
	else
		strcpy(c->root, "/run/ampoule-oci");
}

int main(int argc, char **argv)
{
	static struct call c = { .wish.bundle = "." };
	spaces_begin();
	output_watch("ampoule oci");
	opterr = 0;
	default_root(&c);
	if (read_global(&c, argc, argv))
		return AMP_EXIT_USAGE;
	c.wish.root = c.root;
	if (optind >= argc)
		return usage("no verb given", "");
	argv += optind;
	argc -= optind;
	for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		const struct verb *v = &verbs[i];
		if (strcmp(v->name, argv[0]) != 0)
			continue;
		if (v->refused) {
			struct defect why;
			return told(defect_set(&why, "%s: %s", v->name, v->refused), &why);
		}
		if (read_verb(&c, argc, argv))
			return AMP_EXIT_USAGE;
		if (v->takes_id && !c.count)
			return usage(v->name, ": no ID given");
		c.wish.id = c.count ? c.words[0] : NULL;
		return v->run(&c);
	}
	return usage("no verb ", argv[0]);
}
