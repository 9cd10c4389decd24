/*
 * closed_folder.h - whether a folder is closed to others than the server's user.
 *
 * Who may write into a folder, or into one above it, decides what its files are: by putting one
 * there, or by putting another folder in its place.
 */
#ifndef TV_CLOSED_FOLDER_H
#define TV_CLOSED_FOLDER_H

#include "postgres.h"

/*
 * NULL where the folder and all above it belong to the server's user or root and nobody else may
 * write into them, a sticky one (/tmp) above it excepted. Otherwise a sentence, palloc'd, that
 * names the folder at fault and says what is wrong with it. Symbolic links are followed first.
 */
extern const char *tv_folder_open_because(const char *folder);

#endif
