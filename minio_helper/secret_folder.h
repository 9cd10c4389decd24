/*
 * secret_folder.h - secrets as files of a folder, one each: for *_FILE variables, and for
 * systemd's LoadCredential=.
 */
#ifndef MH_SECRET_FOLDER_H
#define MH_SECRET_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "env_variable.h"
#include "error.h"

/*
 * Makes the folder (mode 0700) where it is missing. in_memory: refuses (VC_BAD_FILE) one that is
 * not on a tmpfs or ramfs, because what is written to a disk outlives its removal, and one that
 * belongs to another user than us or root.
 */
enum vc_code secret_folder_open(const char *folder, bool in_memory, struct vc_error *err);
/*
 * Writes each value to a file of the variable's name (output_file.h); an absent one's is removed.
 * VC_BAD_FILE also where somebody else's file of that name is in a folder to which everybody can
 * write.
 */
enum vc_code secret_folder_write(const char *folder, const struct env_variable *variables,
                                 size_t count, struct vc_error *err);
/* The file of that name, where there is one; the folder stays. */
void secret_folder_remove(const char *folder, const char *name);

#endif
