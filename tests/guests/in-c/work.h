// The routes of work.c.
#ifndef WORK_H
#define WORK_H

#include <snow.h>

snow_outcome work_sql(const snow_request *request);
snow_outcome work_plain(const snow_request *request);
snow_outcome work_listen(const snow_request *request);
snow_outcome work_notify(const snow_request *request);
snow_outcome work_job(const snow_request *request);
snow_outcome work_ended(const snow_resumed *resumed);
snow_outcome work_job_in_place(const snow_request *request);
snow_outcome work_enqueue(const snow_request *request);
snow_outcome work_count(const snow_request *request);

#endif
