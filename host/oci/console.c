/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <oci/console.h>
#include <tender/rights.h>

static int send_master(int master, const char *path, struct defect *why)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof to.sun_path)
		return defect_set(why, "--console-socket: the path is longer than %zu bytes",
		                  sizeof to.sun_path - 1);
	strcpy(to.sun_path, path);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), failed = 0;
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to) ||
	    !rights_send(s, "ptmx", 4, master, MSG_NOSIGNAL))
		failed = defect_set(why, "--console-socket %s: %s", path, strerror(errno));
	if (s >= 0)
		close(s);
	return failed;
}

int console_make(const struct bundle *b, const char *socket_path, struct defect *why)
{
	const struct winsize size = { .ws_row = b->rows, .ws_col = b->columns };
	char name[64];
	int slave = -1, master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, sizeof name) ||
	    (slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
		defect_set(why, "cannot make a terminal: %s", strerror(errno));
	else if ((b->rows && ioctl(slave, TIOCSWINSZ, &size)) ||
	         send_master(master, socket_path, why)) {
		close(slave);
		slave = -1;
	}
	if (master >= 0)
		close(master);
	return slave;
}

int console_take(int fd, struct defect *why)
{
	if (ioctl(fd, TIOCSCTTY, 0) || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		return defect_set(why, "cannot take the terminal: %s", strerror(errno));
	return 0;
}
