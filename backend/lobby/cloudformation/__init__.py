"""CloudFormation templates. From the text to values: ``reading`` parses, ``structure`` checks the form, ``sam`` carries out
transforms, ``resolving`` replaces functions by values, ``names`` invents ids and ARNs. ``lobby_template`` finds the template of
the lobby itself."""
