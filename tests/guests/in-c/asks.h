// The routes of asks.c.
#ifndef ASKS_H
#define ASKS_H

#include <snow.h>

snow_outcome asks_get(const snow_request *request);
snow_outcome asks_read(const snow_request *request);
snow_outcome asks_has_read(const snow_resumed *resumed);

#endif
