/* SPDX-License-Identifier: ISC */
/* Content types by names' endings: IANA's where there is one, else what browsers and other servers agree upon. */
#include <string.h>
#include <strings.h>

#include "builder.h"

#define UTF8 "; charset=utf-8"

const char *site_type(const char *name)
{
	static const struct {
		const char *endings, *type; /* endings with spaces between */
	} types[] = {
		/* text */
		{ "html htm shtml", "text/html" UTF8 },
		{ "css", "text/css" UTF8 },
		{ "js mjs cjs", "text/javascript" UTF8 },
		{ "txt text log conf", "text/plain" UTF8 },
		{ "md markdown", "text/markdown" UTF8 },
		{ "csv", "text/csv" UTF8 },
		{ "tsv", "text/tab-separated-values" UTF8 },
		{ "vtt", "text/vtt" UTF8 },
		{ "ics", "text/calendar" UTF8 },
		{ "vcf", "text/vcard" UTF8 },
		{ "rtx", "text/richtext" UTF8 },
		{ "mml", "text/mathml" },
		{ "jad", "text/vnd.sun.j2me.app-descriptor" },
		{ "wml", "text/vnd.wap.wml" },
		{ "htc", "text/x-component" },
		/* what programs read */
		{ "xml xsl xsd rng", "application/xml" },
		{ "xhtml xht", "application/xhtml+xml" },
		{ "xspf", "application/xspf+xml" },
		{ "rss", "application/rss+xml" },
		{ "atom", "application/atom+xml" },
		{ "kml", "application/vnd.google-earth.kml+xml" },
		{ "kmz", "application/vnd.google-earth.kmz" },
		{ "gpx", "application/gpx+xml" },
		{ "json map", "application/json" },
		{ "jsonld", "application/ld+json" },
		{ "geojson", "application/geo+json" },
		{ "topojson", "application/json" },
		{ "webmanifest", "application/manifest+json" },
		{ "yaml yml", "application/yaml" },
		{ "toml", "application/toml" },
		{ "sql", "application/sql" },
		{ "wasm", "application/wasm" },
		/* pictures */
		{ "svg svgz", "image/svg+xml" },
		{ "png", "image/png" },
		{ "apng", "image/apng" },
		{ "jpg jpeg", "image/jpeg" },
		{ "gif", "image/gif" },
		{ "webp", "image/webp" },
		{ "avif", "image/avif" },
		{ "jxl", "image/jxl" },
		{ "heic", "image/heic" },
		{ "heif", "image/heif" },
		{ "bmp", "image/bmp" },
		{ "tif tiff", "image/tiff" },
		{ "ico cur", "image/x-icon" },
		{ "jng", "image/x-jng" },
		{ "wbmp", "image/vnd.wap.wbmp" },
		/* fonts */
		{ "woff", "font/woff" },
		{ "woff2", "font/woff2" },
		{ "ttf", "font/ttf" },
		{ "otf", "font/otf" },
		{ "ttc otc", "font/collection" },
		{ "eot", "application/vnd.ms-fontobject" },
		/* sound and films */
		{ "mp3", "audio/mpeg" },
		{ "ogg oga opus", "audio/ogg" },
		{ "flac", "audio/flac" },
		{ "m4a", "audio/mp4" },
		{ "aac", "audio/aac" },
		{ "wav", "audio/wav" },
		{ "weba", "audio/webm" },
		{ "mid midi kar", "audio/midi" },
		{ "ra", "audio/x-realaudio" },
		{ "mp4 m4v", "video/mp4" },
		{ "webm", "video/webm" },
		{ "mov", "video/quicktime" },
		{ "ts m2ts", "video/mp2t" },
		{ "m4s", "video/iso.segment" },
		{ "ogv", "video/ogg" },
		{ "mpeg mpg", "video/mpeg" },
		{ "3gp 3gpp", "video/3gpp" },
		{ "mkv", "video/matroska" },
		{ "avi", "video/x-msvideo" },
		{ "flv", "video/x-flv" },
		{ "mng", "video/x-mng" },
		{ "asf asx", "video/x-ms-asf" },
		{ "wmv", "video/x-ms-wmv" },
		{ "m3u8", "application/vnd.apple.mpegurl" },
		{ "mpd", "application/dash+xml" },
		/* documents */
		{ "pdf", "application/pdf" },
		{ "epub", "application/epub+zip" },
		{ "ps eps ai", "application/postscript" },
		{ "rtf", "application/rtf" },
		{ "doc dot", "application/msword" },
		{ "xls", "application/vnd.ms-excel" },
		{ "ppt", "application/vnd.ms-powerpoint" },
		{ "docx",
		  "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
		{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
		{ "pptx",
		  "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
		{ "odt", "application/vnd.oasis.opendocument.text" },
		{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
		{ "odp", "application/vnd.oasis.opendocument.presentation" },
		{ "odg", "application/vnd.oasis.opendocument.graphics" },
		/* packages and programs */
		{ "zip", "application/zip" },
		{ "gz tgz", "application/gzip" },
		{ "zst", "application/zstd" },
		{ "bz2", "application/x-bzip2" },
		{ "xz", "application/x-xz" },
		{ "tar", "application/x-tar" },
		{ "7z", "application/x-7z-compressed" },
		{ "rar", "application/vnd.rar" },
		{ "jar war ear", "application/java-archive" },
		{ "jardiff", "application/x-java-archive-diff" },
		{ "jnlp", "application/x-java-jnlp-file" },
		{ "deb", "application/vnd.debian.binary-package" },
		{ "rpm", "application/x-redhat-package-manager" },
		{ "apk", "application/vnd.android.package-archive" },
		{ "xpi", "application/x-xpinstall" },
		{ "sh", "application/x-sh" },
		{ "pl pm", "application/x-perl" },
		{ "tcl tk", "application/x-tcl" },
		{ "swf", "application/x-shockwave-flash" },
		{ "run", "application/x-makeself" },
		{ "sit", "application/x-stuffit" },
		{ "sea", "application/x-sea" },
		{ "hqx", "application/mac-binhex40" },
		{ "cco", "application/x-cocoa" },
		{ "prc pdb", "application/x-pilot" },
		{ "wmlc", "application/vnd.wap.wmlc" },
		{ "der pem crt", "application/x-x509-ca-cert" },
	};
	const char *dot = strrchr(name, '.');
	size_t size = dot ? strlen(++dot) : 0;
	for (size_t k = 0; size && k < sizeof types / sizeof *types; k++) {
		for (const char *p = types[k].endings; *p;) {
			size_t n = strcspn(p, " ");
			if (n == size && strncasecmp(p, dot, n) == 0)
				return types[k].type;
			p += n + (p[n] == ' ');
		}
	}
	return "application/octet-stream";
}

bool site_type_shrinks(const char *type)
{
	static const char *const parts[] = {
		"json",          "/xml",        "+xml",     "wasm",     "yaml",
		"toml",          "javascript",  "mpegurl",  "/sql",     "postscript",
		"/rtf",          "x-perl",      "x-tcl",    "msword",   "ms-excel",
		"ms-powerpoint", "fontobject",  "font/ttf", "font/otf", "font/collection",
		"image/bmp",     "image/x-icon"
	};
	if (strncmp(type, "text/", 5) == 0 || strcmp(type, "application/x-sh") == 0)
		return true;
	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
		if (strstr(type, parts[k]))
			return true;
	}
	return false;
}
