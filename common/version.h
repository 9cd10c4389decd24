/*
 * version.h - the one place that says which version of the core this is.
 */
#ifndef VC_VERSION_H
#define VC_VERSION_H

#define VC_VERSION "1.0.0"

#endif
