/* SPDX-License-Identifier: ISC */
/* `ampoule new`: a folder with an appliance that builds and runs at once. See ampoule-new(1). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <builder/value.h>
#include <cli/output.h>

static const char usage[] =
        "usage: ampoule new [--http|--web] NAME\n\n"
        "Makes a folder NAME with a small appliance that builds and runs at once.\n"
        "NAME may be a path; its last part names the appliance.\n\n"
        "  --http      one that answers HTTP, instead of one that greets and ends\n"
        "  --web       a web site: HTTPS and HTTP/2, HTTP beside it, files and rules\n"
        "  -h, --help  this text\n";

static const char manifest[] =
        "# What %s is made of: appliance.yaml(5) tells all keys.\n"
        "name: %s\n"
        "version: 0.1.0\n"
        "sources: [main.c]\n"
        "memory: 1M\n"
        "arguments:\n"
        "  greeting: {type: string, default: Hello, dynamic: true, help: how to greet}\n"
        "\n"
        "# To talk UDP, add these, and see apps/echo of Ampoule:\n"
        "# libraries: [net]\n"
        "# interfaces:\n"
        "#   - {name: service, address: auto}\n";

static const char program[] = "#include <stdio.h>\n"
                              "\n"
                              "#include \"appliance.h\"\n"
                              "\n"
                              "int main(void)\n"
                              "{\n"
                              "\tprintf(\"%s from %s\\n\", arg_greeting(), APPLIANCE_NAME);\n"
                              "\treturn 0;\n"
                              "}\n";

static const char readme[] =
        "# %s\n"
        "\n"
        "An Ampoule appliance: program, library OS and configuration in one sealed image.\n"
        "\n"
        "    ampoule build                              # makes %s.amp\n"
        "    ampoule run %s.amp\n"
        "    ampoule run --set greeting=Servus %s.amp\n"
        "    ampoule inspect %s.amp                     # what is in it\n"
        "\n"
        "`main.c` is the program, `appliance.yaml` its configuration. Arguments declared there are "
        "functions\n"
        "of `appliance.h`: `arg_greeting()` is constant unless it is `dynamic`.\n";

/* ---- --http ---- */

static const char http_manifest[] =
        "# What %s is made of: appliance.yaml(5) tells all keys.\n"
        "name: %s\n"
        "version: 0.1.0\n"
        "sources: [main.c]\n"
        "libraries: [app/http]\n"
        "interfaces:\n"
        "  - {name: service, address: auto}\n"
        "health: {http: 80/}\n"
        "arguments:\n"
        "  greeting: {type: string, default: Hello, dynamic: true, help: how to greet}\n";

static const char http_program[] =
        "#include <stdio.h>\n"
        "\n"
        "#include \"appliance.h\"\n"
        "#include <app/http/http.h>\n"
        "\n"
        "static void greet(struct http_exchange *x, void *context)\n"
        "{\n"
        "\tchar text[200];\n"
        "\t(void)context;\n"
        "\tsnprintf(text, sizeof text, \"%s from %s\\n\", arg_greeting(), APPLIANCE_NAME);\n"
        "\thttp_reply_text(x, 200, text);\n"
        "}\n"
        "\n"
        "int main(void)\n"
        "{\n"
        "\tstruct http_server *s;\n"
        "\treturn http_serve(&s, NULL) || http_route(s, \"GET\", \"/\", greet, NULL) || "
        "http_run(s);\n"
        "}\n";

static const char http_readme[] =
        "# %s\n"
        "\n"
        "An Ampoule appliance: program, library OS and configuration in one sealed image.\n"
        "\n"
        "    ampoule build                              # makes %s.amp\n"
        "    ampoule run -p 8080:80 %s.amp              # then: curl http://localhost:8080/\n"
        "    ampoule run -p 8080:80 --set greeting=Servus %s.amp\n"
        "    ampoule inspect %s.amp                     # what is in it\n"
        "\n"
        "`main.c` is the program, `appliance.yaml` its configuration. Arguments declared there are "
        "functions\n"
        "of `appliance.h`: `arg_greeting()` is constant unless it is `dynamic`. `^C` ends the "
        "run, and `-d`\n"
        "puts it into the background.\n";

/* ---- --web ---- */

static const char web_manifest[] =
        "# What %s is made of: appliance.yaml(5) tells all keys.\n"
        "name: %s\n"
        "version: 0.1.0\n"
        "sources: [main.c]\n"
        "libraries: [app/web, app/web/tls]   # they bring arguments along: `ampoule inspect`\n"
        "memory: {min: 16M, default: 64M}\n"
        "interfaces:\n"
        "  - {name: service, address: auto, addresses: [auto]}\n"
        "health: {http: $port/}\n"
        "compile:\n"
        "  - {name: site, with: web-site, from: [site, rules=rules]}\n";

static const char web_program[] =
        "#include \"appliance.h\"\n"
        "#include <app/web/tls/tls.h>\n"
        "\n"
        "int main(void)\n"
        "{\n"
        "\tstruct http_server *server;\n"
        "\treturn web_tls_serve(&server, &(struct web_options)WEB_OPTIONS,\n"
        "\t                     &(struct web_tls_options)WEB_TLS_OPTIONS) ||\n"
        "\t       http_run(server);\n"
        "}\n";

static const char web_readme[] =
        "# %s\n"
        "\n"
        "A web site as an Ampoule appliance: files, server and configuration in one sealed image.\n"
        "\n"
        "    ampoule build                              # makes %s.amp\n"
        "    ampoule run -p 8080:80 %s.amp              # by HTTP: curl http://localhost:8080/\n"
        "    ampoule run -p 8443:443 -p 8080:80 --set redirect=8443 \\\n"
        "        --set certificate=@cert.pem --set key=@key.pem %s.amp    # by HTTPS\n"
        "    ampoule inspect %s.amp                     # what is in it, and all arguments\n"
        "\n"
        "`site` is the site, `rules` its header fields and redirections, `main.c` where routes of "
        "your own go:\n"
        "`http_route` before `http_run`. Keys and certificates are given at start, and never "
        "compiled in.\n";

static const char web_rules[] =
        "# Header fields and redirections by path: appliance.yaml(5), \"web-site\".\n"
        "header /* X-Content-Type-Options: nosniff\n"
        "redirect /home /\n"
        "redirect 308 /old/* /*\n";

static const char web_page[] = "<!DOCTYPE html>\n"
                               "<html lang=en><meta charset=utf-8><title>%s</title>\n"
                               "<h1>Hello from %s</h1>\n";

/* What is made, by what it serves. */
static const struct kind {
	const char *option, *manifest, *program, *readme, *run;
	const char *rules, *page; /* of a site; null: it has none */
} kinds[] = { { "", manifest, program, readme, "", NULL, NULL },
	      { "--http", http_manifest, http_program, http_readme, "-p 8080:80 ", NULL, NULL },
	      { "--web", web_manifest, web_program, web_readme, "-p 8080:80 ", web_rules,
	        web_page } };
#define KINDS (sizeof kinds / sizeof *kinds)

static const char ignore[] = "/.ampoule/\n/*.amp\n/*.debug\n/*.pem\n";

static void put(const char *folder, const char *name, const struct text *t)
{
	const char *path = keep_format("%s/%s", folder, name);

	if (!file_write(path, t->s, t->size, 0644))
		die(AMP_EXIT_TENDER, "cannot write %s: %s", path, strerror(errno));
}

static void put_site(const char *folder, const char *name, const struct kind *kind)
{
	struct text rules = { 0 }, page = { 0 };
	const char *site = keep_format("%s/site", folder);

	if (mkdir(site, 0755) < 0)
		die(AMP_EXIT_TENDER, "cannot make %s: %s", site, strerror(errno));
	text_bytes(&rules, kind->rules, strlen(kind->rules));
	text_add(&page, kind->page, name, name);
	put(folder, "rules", &rules);
	put(site, "index.html", &page);
}

int main(int argc, char **argv)
{
	output_watch("ampoule new");
	die_as("ampoule new");
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	int first = 1;
	const struct kind *kind = &kinds[0];
	for (; first < argc && argv[first][0] == '-'; first++) {
		if (strcmp(argv[first], "--") == 0) {
			first++;
			break;
		}
		size_t k = 1;
		while (k < KINDS && strcmp(argv[first], kinds[k].option) != 0)
			k++;
		if (k == KINDS)
			die(AMP_EXIT_USAGE, "no option %s: `ampoule new --help`", argv[first]);
		kind = &kinds[k];
	}
	if (argc != first + 1)
		die(AMP_EXIT_USAGE, "give one name: ampoule new NAME");

	char *folder = keep_text(argv[first], strlen(argv[first]));
	for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--)
		folder[n - 1] = 0;
	const char *slash = strrchr(folder, '/'), *name = slash ? slash + 1 : folder;
	if (!value_is_name(name))
		die(AMP_EXIT_USAGE,
		    "%s is no name for an appliance: at most 31 of a-z 0-9 _ . -, the first a "
		    "letter or digit",
		    text_is_clean(name, strlen(name)) && *name ? name : "this");
	int made = mkdir(folder, 0755);
	if (made < 0 && errno == EEXIST)
		die(AMP_EXIT_USAGE, "%s is there already: choose another name, or remove it",
		    folder);
	if (made < 0)
		die(AMP_EXIT_USAGE, "cannot make %s: %s", folder, strerror(errno));

	struct text yaml = { 0 }, source = { 0 }, about = { 0 }, ignored = { 0 };
	text_add(&yaml, kind->manifest, name, name);
	text_bytes(&source, kind->program, strlen(kind->program));
	text_add(&about, kind->readme, name, name, name, name, name);
	text_bytes(&ignored, ignore, sizeof ignore - 1);
	put(folder, "appliance.yaml", &yaml);
	put(folder, "main.c", &source);
	put(folder, "README.md", &about);
	put(folder, ".gitignore", &ignored);
	if (kind->page)
		put_site(folder, name, kind);
	printf("Made %s. Next: cd %s && ampoule build && ampoule run %s%s.amp\n", folder, folder,
	       kind->run, name);
	return 0;
}
