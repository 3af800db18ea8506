using System.CommandLine;
using UnetResnet.Data;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab data salt</c>: writes drawn seismic sections as a folder of images and masks, to look at or as an example of a dataset of one's own.</summary>
internal static class SaltDataCommand
{
    public static Command Create()
    {
        var output = new Option<DirectoryInfo>("--output") { Description = "Folder to write images/ and masks/ into.", DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("artifacts", "salt")) };
        var count = new Option<int>("--count") { Description = "How many sections, from 0.", DefaultValueFactory = _ => 140 };
        var side = new Option<int>("--side") { Description = "Side in pixels, a multiple of 32.", DefaultValueFactory = _ => 96 };
        var seed = new Option<int>("--seed") { Description = "Seed of the sections.", DefaultValueFactory = _ => 0 };
        var command = new Command("salt", "Write procedural seismic sections with the masks of their salt bodies.") { output, count, side, seed };
        command.SetAction(result =>
        {
            var sections = new SaltSections(result.GetValue(side), result.GetValue(seed));
            string folder = result.GetRequiredValue(output).FullName;
            string images = Directory.CreateDirectory(Path.Combine(folder, "images")).FullName, masks = Directory.CreateDirectory(Path.Combine(folder, "masks")).FullName;
            foreach (SegmentationSample sample in Enumerable.Range(0, result.GetValue(count)).Select(sections.Sample))
            {
                ImageCodec.Save(sample.Image, Path.Combine(images, sample.Name + ".png"));
                ImageCodec.Save(sample.Mask, Path.Combine(masks, sample.Name + ".png"));
            }

            Console.WriteLine($"{folder}: {result.GetValue(count)} sections of {sections.Side}×{sections.Side} pixels.");
            return 0;
        });
        return command;
    }
}
