// A host for native tests: one bucket in memory, a log that is kept, no configuration and no mount.
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <stdio.h>
#include <stdlib.h>

#include "../snow_internal.h"

// Ends the test with its line, if something is not so.
#define CHECK(condition)                        \
  do {                                          \
    if (!(condition))                           \
      fail(__FILE__, __LINE__, #condition);     \
  } while (0)

_Noreturn void fail(const char *file, int line, const char *condition);

// The round of random inputs that is tried, which a failure prints.
extern uint64_t test_round;

// Makes a request without anything, which lives until release_request.
snow_request *new_request(void);
// Adds a header field, in lower case. It is copied.
void add_field(snow_request *request, const char *name, snow_string value);
// Gives a request its content, in memory that ends where the content does.
void set_body(snow_request *request, snow_string body);
void release_request(snow_request *request);

// Returns the status of an answer.
uint16_t status_of(snow_outcome answer);
// Returns the content of an answer.
snow_string body_of(snow_outcome answer);
// Returns the value of the first header field of a name; a null pointer if there is none.
const char *field_of(snow_outcome answer, const char *name);

// Returns the last line that was logged.
const char *last_line(void);
// Returns the last request to another server, as lines; empty if there was none.
const char *last_sent(void);
// Has the host refuse requests to other servers from now on, or not.
void refuse_fetches(bool refused);
// Empties the bucket.
void forget_entries(void);
// Puts something under a key of the bucket.
void put_entry(const char *key, const char *value);
// Returns how many entries the bucket has, and how many writes there were.
size_t entry_count(void);
size_t write_count(void);
// Has each write fail from now on, or not.
void refuse_writes(bool refused);
// Is called before a write, once, as another request that is faster would.
void set_interloper(void (*interloper)(void));

// Forgets what the database was asked, and lets the next statement return the rows of these tests.
void reset_database(void);
// Has the database refuse the next statement so.
void refuse_statement(uint8_t tag, const char *code, const char *words);
// Returns what the database was asked, as lines; and how many databases were not closed yet.
const char *last_statements(void);
size_t open_database_count(void);
// Returns the last job that was started or kept, as a line.
const char *last_job(void);
// Has the host refuse the next job so.
void refuse_job(uint8_t tag, const char *words);

#endif
