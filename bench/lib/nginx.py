# SPDX-License-Identifier: ISC
"""nginx as a peer: one worker, sendfile, files kept open, no access log, connections kept as long as the client likes."""
import os
import subprocess

from . import host

CONFIG = """user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_rlimit_nofile 20000;
events {{
	worker_connections 16384;
}}
http {{
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	keepalive_timeout 60s;
	open_file_cache max=1000 inactive=600s;
	server_tokens off;
	types {{
		text/html html;
		text/plain txt;
		application/octet-stream bin;
	}}
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	server {{
		listen {address}:80 backlog=4096;
		root {root};
	}}
}}
"""


def command(address, root, folder):
    """Writes a configuration into folder; what starts it, in the foreground."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as file:
        file.write(CONFIG.format(address=address, root=root, folder=folder))
    return ["/usr/sbin/nginx", "-c", path, "-p", folder, "-e", os.path.join(folder, "error.log")]


def start(namespace, address, root, folder):
    return namespace.start(*command(address, root, folder), core=host.SERVER_CORE, log=os.path.join(folder, "output"))


def version():
    done = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=False)
    return done.stderr.strip().removeprefix("nginx version: ")
