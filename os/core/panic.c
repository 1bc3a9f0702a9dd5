/* SPDX-License-Identifier: ISC */
/* Last words. Allocates nothing, and a panic within a panic goes straight to the trap. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <core/cold.h>
#include <core/gate.h>
#include <core/panic.h>
#include <core/print.h>
#include <core/task.h>

#define PANIC_TEXT_MAX 512

COLD void panic(const char *format, ...)
{
	static bool panicking;
	if (!panicking) {
		panicking = true;
		fflush(stdout);
		char text[PANIC_TEXT_MAX];
		int at =
		        print_text(text, sizeof text, "panic in task %s: ", task_name(task_self()));
		va_list arguments;
		va_start(arguments, format);
		int n = print_text_list(text + at, sizeof text - (size_t)at, format, arguments);
		va_end(arguments);
		int size = n < 0 ? at : at + n;
		if (size > PANIC_TEXT_MAX - 1)
			size = PANIC_TEXT_MAX - 1;
		for (int i = 0; i < size; i++) {
			if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
				text[i] = '?';
		}
		text[size] = '\n';
		gate_puts(AMP_STREAM_LOG, text, (uint64_t)size + 1);
	}
	__builtin_trap();
}
