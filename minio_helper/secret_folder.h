/*
 * secret_folder.h - secrets as files of a folder in memory, one each, for *_FILE variables.
 */
#ifndef MH_SECRET_FOLDER_H
#define MH_SECRET_FOLDER_H

#include "error.h"
#include "s3_variables.h"

/*
 * Refuses (VC_BAD_FILE) a folder that is not on a tmpfs or ramfs: what is written to a disk
 * outlives its removal. One that is missing is made, mode 0700.
 */
enum vc_code secret_folder_open(const char *folder, struct vc_error *err);
/* Writes each variable's value to a file of its name (output_file.h). */
enum vc_code secret_folder_write(const char *folder, const struct s3_variables *variables,
                                 struct vc_error *err);
/* Removes the files that secret_folder_write makes for these names; the folder stays. */
void secret_folder_clear(const char *folder, const struct s3_names *names);

#endif
