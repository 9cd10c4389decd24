/*
 * env_variable.h - a variable of an environment, or of a file that becomes one.
 */
#ifndef MH_ENV_VARIABLE_H
#define MH_ENV_VARIABLE_H

struct env_variable {
    const char *name;
    const char *value; /* NULL: absent, and nothing else may stand in its place */
};

#endif
