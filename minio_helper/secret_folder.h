/*
 * secret_folder.h - secrets as files of a folder, one each: for *_FILE variables, and for
 * systemd's LoadCredential=.
 */
#ifndef MH_SECRET_FOLDER_H
#define MH_SECRET_FOLDER_H

#include "error.h"
#include "s3_variables.h"

/*
 * Makes the folder (mode 0700) where it is missing. in_memory: refuses (VC_BAD_FILE) one that is
 * not on a tmpfs or ramfs, because what is written to a disk outlives its removal.
 */
enum vc_code secret_folder_open(const char *folder, bool in_memory, struct vc_error *err);
/*
 * Writes each variable's value to a file of its name (output_file.h), and removes those of the
 * set's other names.
 */
enum vc_code secret_folder_write(const char *folder, const struct s3_names *names,
                                 const struct s3_variables *variables, struct vc_error *err);
/* Removes the files of all the set's names; the folder stays. */
void secret_folder_clear(const char *folder, const struct s3_names *names);

#endif
