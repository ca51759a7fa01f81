// SPDX-License-Identifier: Apache-2.0
#include "socketpair.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local bool refusing;

void
socketpair_refuse(bool refuse)
{
	refusing = refuse;
}

// The program's definition comes before the C library's for every shared library that it loads.
int
socketpair(int domain, int type, int protocol, int fds[2])
{
	if (refusing) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}
