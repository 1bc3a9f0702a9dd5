/* SPDX-License-Identifier: ISC */
/* Runs a program and reads what it prints (tool.h). */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <builder/text.h>
#include <builder/tool.h>

extern char **environ;

char *tool_ask(const char *const *words)
{
	posix_spawn_file_actions_t actions;
	struct text answer = { 0 };
	char part[4096];
	int out[2], status;
	pid_t pid;
	ssize_t n;

	if (pipe2(out, O_CLOEXEC) < 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	int error = posix_spawn(&pid, words[0], &actions, NULL, (char **)(uintptr_t)words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	while (!error && (n = read(out[0], part, sizeof part)) > 0)
		text_bytes(&answer, part, (size_t)n);
	close(out[0]);
	if (error || waitpid(pid, &status, 0) < 0 || status != 0)
		return NULL;
	return answer.s ? answer.s : keep_text("", 0);
}
