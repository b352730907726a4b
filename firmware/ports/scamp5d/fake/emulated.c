/* The array behind the fake: `pixeltree emulate-array`, over a socket, as the Linux port has it. */
#include "emulated.h"

#include "../../linux/array_socket.c"
#undef _POSIX_C_SOURCE
#include "../../array_channel.c"
