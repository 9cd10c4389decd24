/*
 * control_character.c - finds control characters (control_character.h). Called by what checks
 * values and by formats of lines.
 */
#include "control_character.h"

bool has_control_character(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7F)
            return true;
    return false;
}
