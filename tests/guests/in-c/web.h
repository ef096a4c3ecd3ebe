// What a guest knows of its clients and of its deployer, a route for each: see web.c.

#include <snow.h>

snow_outcome web_form(const snow_request *request);
snow_outcome web_user(const snow_request *request);
snow_outcome web_login_page(const snow_request *request);
snow_outcome web_login(const snow_request *request);
snow_outcome web_logout(const snow_request *request);
snow_outcome web_read_signed(const snow_request *request);
snow_outcome web_sign(const snow_request *request);
snow_outcome web_kinds(const snow_request *request);
snow_outcome web_page(const snow_request *request);
snow_outcome web_bad_cookie(const snow_request *request);
snow_outcome web_config(const snow_request *request);
snow_outcome web_links(const snow_request *request);
snow_outcome web_wait(const snow_request *request);
snow_outcome web_waited(const snow_resumed *resumed);
snow_outcome web_next(const snow_request *request);
