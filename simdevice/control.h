// SPDX-License-Identifier: Apache-2.0
// `simdevice --control FD`: commands and answers as JSON lines over a socket, devices driven one
// command at a time each. Commands are one table (control_commands.c).
#pragma once

// Serves FD until `quit` or its end. Returns the exit code: 0, or 2 when FD is not a usable socket.
int control_run(int fd);
