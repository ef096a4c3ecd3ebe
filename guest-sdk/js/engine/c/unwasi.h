/* Included before anything of quickjs.c.
 *
 * QuickJS leaves out its check of the stack where __wasi__ is defined, and then a recursion without
 * an end is a trap. The host bounds the stack of wasm, so the check is wanted: it makes a
 * RangeError. The headers of the system need the macro, so they come first. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#undef __wasi__
